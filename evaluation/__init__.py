"""Judging results: the editing prompts, and how they are scored."""
