"""GIFs that are as good as a limit on their size allows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Frame:
    """One picture of a GIF, and how long it stays, in milliseconds."""

    picture: Image.Image
    duration: int


def encode(frames: Sequence[Frame], most: int, colors: Iterable[int] = (256, 192, 128, 96, 64)) -> bytes:
    """All frames with one palette: the first number of its colours that needs at most `most` bytes; the last when none
    does. Plays for ever."""
    data = b""
    for count in colors:
        palette = _palette([frame.picture for frame in frames], count)
        pictures = [frame.picture.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
        stream = io.BytesIO()
        pictures[0].save(
            stream,
            "GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=[frame.duration for frame in frames],
            loop=0,
            optimize=True,
        )
        data = stream.getvalue()
        if len(data) <= most:
            break
    return data


def _palette(pictures: Sequence[Image.Image], count: int) -> Image.Image:
    """One for all: frames that had their own would differ everywhere, and so be large."""
    chosen = pictures[:: max(1, len(pictures) // 12)]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width, height * len(chosen)))
    for i, picture in enumerate(chosen):
        sheet.paste(picture, (0, i * height))
    return sheet.quantize(count, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def thinned(pictures: Sequence[bytes], most: int) -> list[bytes]:
    """At most so many, evenly chosen, the first and the last among them; one that repeats the one before does not
    count."""
    news = [picture for i, picture in enumerate(pictures) if not i or picture != pictures[i - 1]]
    if len(news) <= most:
        return news
    return [news[round(i * (len(news) - 1) / (most - 1))] for i in range(most)]
