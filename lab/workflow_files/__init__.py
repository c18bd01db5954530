"""The shipped workflows: one description, from which their files are written."""
