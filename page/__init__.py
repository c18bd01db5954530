"""Python's side of `web/`: what the page shows of a run, the list of concepts, and what saved pictures tell."""
