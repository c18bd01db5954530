"""The diffusion process: noise schedule and conversions. Each formula stands here once. Needs only torch."""
