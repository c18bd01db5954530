"""Pictures for the documents: contact sheets, curves, help pictures, thumbnails, the graph."""
