"""Learning a concept from one picture: image encoders, settings, and the file that keeps the result. Needs only
torch."""
