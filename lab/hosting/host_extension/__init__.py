"""A host extension for the demo and the tests: lets the stock CheckpointLoaderSimple load the demo model.

Users of Single Image Studio never load it: `dev.py` puts it beside the pack in the demo's own custom_nodes folder.
"""

from . import small_sd15

small_sd15.register()

NODE_CLASS_MAPPINGS: dict = {}  # the host wants one, even if there is nothing in it
