"""The one font of labels in pictures: Pillow's own, so that no file has to be shipped."""

from __future__ import annotations

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def label_font(size: int) -> Font:
    """The font at about `size` pixels."""
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has one size
        return ImageFont.load_default()
