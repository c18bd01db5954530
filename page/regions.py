"""Where a concept was found in the pictures that are sampled, on the page at the node that applies it.

The sampler finds it, long after that node has run; so it is told by an event, and not in the node's `ui`.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image
from torch import Tensor

from ..host.server import running_prompt, running_server, workflow_of
from ..pictures.overlay import TINT
from .data_url import data_url
from .live import NodeAddress

EVENT = "single_image_studio.regions"
SIDE = 128
MOST = 8
"""Pictures of a batch that are shown."""
_GROUND = (40, 40, 40)


def teller(address: NodeAddress, name: str) -> Callable[[Tensor], None] | None:
    """What to call with regions (pictures, h, w) in [0, 1] as they are found; None where no page can show them.

    address: of the node that applies the concept. name: the concept's.
    """
    if address.node is None:
        return None

    def tell(regions: Tensor) -> None:
        server, prompt = running_server(), running_prompt()
        if server is None:
            return
        message = {
            "node": address.node,
            "prompt_id": prompt,
            "workflow": address.workflow if prompt is None else workflow_of(prompt),
            "name": name,
            "pictures": [_data_url(region) for region in regions[:MOST]],
        }
        server.send_sync(EVENT, message, server.client_id)

    return tell


def _data_url(region: Tensor) -> str:
    height, width = region.shape
    levels = (region.float().cpu().clamp(0, 1) * 255).round().byte().numpy()
    mask = Image.fromarray(levels).resize((SIDE, max(1, round(SIDE * height / width))), Image.Resampling.NEAREST)
    picture = Image.composite(Image.new("RGB", mask.size, TINT), Image.new("RGB", mask.size, _GROUND), mask)
    return data_url(picture, "PNG", optimize=True)
