"""The nodes: schemas and delegation."""
