"""Masks from words: detectors (GroundingDINO) and segmenters (SAM) behind two small interfaces. Knows nothing of
ComfyUI."""
