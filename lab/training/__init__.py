"""Trains the demo's small models."""
