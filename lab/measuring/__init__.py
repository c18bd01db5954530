"""Measures the methods and writes the reports."""
