"""The papers' tables in miniature, on the demo world with its exact oracle: `python dev.py reproduce`."""
