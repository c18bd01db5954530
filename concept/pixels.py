"""Pictures and masks as the concept file keeps them: lossless, and a thumbnail for pickers."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..pictures.eight_bits import from_levels, to_levels
from ..support.errors import InputError, brief

THUMBNAIL_SIZE = 96
SILHOUETTE = 255  # white
MOST_PIXELS = 5000 * 5000  # Stage I reads pictures of up to 2048×2048
MODES = {"picture": "RGB", "mask": "L"}
# What PIL has been seen to raise for bytes that are no picture; TypeError comes from a tensor of a dtype without bytes.
DAMAGED = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def pack_pixels(name: str, pixels: Tensor) -> dict[str, Tensor]:
    """Turns a picture (1, H, W, 3) or a mask (1, H, W) into one tensor for the file, without loss.

    Returns {NAME_png: (bytes,) uint8} when every value is some k/255, as in a picture that was loaded from 8 bits;
    otherwise {NAME: the tensor itself}.
    """
    values = pixels[0].detach().cpu()
    levels = to_levels(values)
    if not np.array_equal(from_levels(levels), values):
        return {name: pixels.detach().cpu()}
    return {f"{name}_png": torch.from_numpy(np.frombuffer(_encode_png(levels), dtype=np.uint8).copy())}


def unpack_pixels(name: str, tensors: dict[str, Tensor]) -> Tensor | None:
    """Undoes `pack_pixels`: (1, H, W, 3) or (1, H, W), float32, or None when the file holds none of that name.

    Raises: InputError when the PNG is damaged.
    """
    if f"{name}_png" not in tensors:
        return tensors.get(name)
    return from_levels(_decode_png(name, tensors[f"{name}_png"])).unsqueeze(0)


def to_png(picture: Tensor) -> bytes:
    """A picture (1, H, W, 3) in [0, 1] as an 8-bit PNG file."""
    return _encode_png(to_levels(picture[0]))


def make_thumbnail(picture: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """A small RGBA picture of the subject alone: the mask is its alpha.

    picture: (1, H, W, 3) or None, for a white silhouette. mask: (1, H, W) or None, for an opaque picture.
    Returns (96, 96, 4) uint8, the subject centred and never stretched, or None when both are None.
    """
    if picture is None and mask is None:
        return None
    height, width = (mask if picture is None else picture).shape[1:3]  # type: ignore[union-attr]
    rgba = np.full((height, width, 4), SILHOUETTE, dtype=np.uint8)
    if picture is not None:
        rgba[..., :3] = to_levels(picture[0])
    if mask is not None:
        rgba[..., 3] = to_levels(mask[0])
    return torch.from_numpy(_fit(Image.fromarray(rgba)))


def _fit(image: Image.Image) -> np.ndarray:
    """Scales to 96 px on the longer side and centres on a clear square."""
    scale = THUMBNAIL_SIZE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = Image.new("RGBA", (THUMBNAIL_SIZE, THUMBNAIL_SIZE))
    canvas.paste(
        image.resize((width, height), Image.Resampling.LANCZOS),
        ((THUMBNAIL_SIZE - width) // 2, (THUMBNAIL_SIZE - height) // 2),
    )
    return np.array(canvas)


def _encode_png(levels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()


def _decode_png(name: str, data: Tensor) -> np.ndarray:
    """Only PNG is read, whatever the bytes claim to be, and its size before its pixels: a few bytes may stand for
    gigabytes."""
    if data.dtype != torch.uint8:
        raise InputError(f"its {name} is damaged (it holds {data.dtype} and no bytes).")
    try:
        with Image.open(io.BytesIO(data.numpy().tobytes()), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise InputError(f"its {name} is {image.width}x{image.height} pixels, more than any training reads.")
            if image.mode != MODES[name]:
                raise InputError(f"its {name} is a PNG of the kind {image.mode}; expected {MODES[name]}.")
            return np.array(image)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"its {name} is damaged ({brief(str(error))}).") from error
