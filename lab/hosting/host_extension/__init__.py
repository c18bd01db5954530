"""A host extension for the demo and the tests: lets the stock CheckpointLoaderSimple load the demo model.

On the page it opens the demo's first workflow, where `dev.py serve` asks for that.
Users of Single Image Studio never load it: `dev.py` puts it beside the pack in the demo's own custom_nodes folder.
"""

from . import small_sd15

small_sd15.register()

WEB_DIRECTORY = "./web"
NODE_CLASS_MAPPINGS: dict = {}  # the host wants one, even if there is nothing in it
