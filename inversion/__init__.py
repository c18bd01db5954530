"""From a picture to noise and back with changes: DDIM inversion, null-text, Imagic, timestep-aware sampling. Needs only
torch."""
