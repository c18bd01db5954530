"""Pictures for the documents: help pictures, thumbnails, the graph."""
