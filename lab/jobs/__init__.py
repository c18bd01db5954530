"""The demos: workflows run on a real host, with their pictures and curves."""
