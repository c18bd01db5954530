"""The demo's world: pictures of shapes with captions, what detectors learn from them, and an oracle that reads them."""
