"""Pictures for people: grids, overlays, labels, and the way to 8 bits. Needs torch and Pillow."""
