"""Single Image Studio: learn a concept from one picture, and edit a photo non-rigidly, inside ComfyUI."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():  # type: ignore[no-untyped-def]
    """What ComfyUI calls to get the pack's nodes; everything else is imported only now."""
    from .nodes.extension import SingleImageStudio

    return SingleImageStudio()
