"""The demo's world: pictures of shapes with captions, and an oracle that reads them."""
