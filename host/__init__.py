"""Everything that knows ComfyUI: the only room, beside `nodes`, that imports it."""
