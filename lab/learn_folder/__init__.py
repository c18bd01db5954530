"""`dev.py learn-folder`: one concept from each picture of a folder, on one ComfyUI or on many."""
