"""The demo's contact sheet and its curves."""

from __future__ import annotations

import io
import pathlib

import numpy as np
import pytest
from PIL import Image, ImageSequence

from lab import ROOT
from lab.figures import curves, demo_sheet, gif


def test_contact_sheet_and_curves_are_drawn(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("PIL")

    picture = str(ROOT / "lab" / "world" / "concepts" / "heart.png")
    rows = [{"caption": f"prompt {i}, " + "with many more words " * 8, "files": [picture, picture]} for i in range(5)]
    sheet = demo_sheet.contact_sheet(
        {"title": "t", "sources": [{"file": picture, "caption": "the one picture"}], "rows": rows}
    )
    assert sheet.width > 4 * 2 * demo_sheet.SIDE
    assert sheet.height > 3 * demo_sheet.SIDE
    series = {"loss": [3.0, 2.0, float("nan"), 1.0], "flat": [0.0, 0.0], "empty": []}
    assert (
        curves.curves([{"title": "Stage I", "series": series}, {"title": "Stage II", "series": {}}]).width
        == 2 * curves.WIDTH
    )


def test_axis_ticks_are_round_and_cover_the_values() -> None:

    assert curves.ticks(0.0, 0.93) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert curves.ticks(0.0, 0.0)[-1] > 0
    assert curves.smoothed([1.0, 1.0, 1.0]) == pytest.approx([1.0, 1.0, 1.0])


def squares(count: int) -> list[gif.Frame]:
    """A white square that goes to the right on black."""
    frames = []
    for i in range(count):
        picture = Image.new("RGB", (80, 40))
        picture.paste((255, 255, 255), (i * 5, 10, i * 5 + 10, 20))
        frames.append(gif.Frame(picture, 100 + i))
    return frames


def test_a_gif_plays_its_frames_for_as_long_as_they_say() -> None:
    frames = squares(4)
    with Image.open(io.BytesIO(gif.encode(frames, 10_000))) as played:
        assert played.format == "GIF" and played.size == (80, 40) and played.info["loop"] == 0
        for frame, shown in zip(frames, ImageSequence.Iterator(played), strict=True):
            assert shown.info["duration"] == frame.duration // 10 * 10  # the format counts in hundredths
            assert (np.asarray(shown.convert("RGB")) == np.asarray(frame.picture)).all()


def test_a_gif_keeps_to_its_limit_by_fewer_colours() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2, 40, 40, 3), np.uint8)
    frames = [gif.Frame(Image.fromarray(picture), 100) for picture in noise]
    fine, coarse = gif.encode(frames, 10**6), gif.encode(frames, 0)
    assert len(coarse) < len(fine)
    assert gif.encode(frames, (len(coarse) + len(fine)) // 2, (256, 64)) == coarse


def test_what_repeats_is_left_out_and_the_ends_stay() -> None:
    shots = [b"a", b"a", b"b", b"b", b"c", b"d", b"e"]
    assert gif.thinned(shots, 9) == [b"a", b"b", b"c", b"d", b"e"]
    assert gif.thinned(shots, 3) == [b"a", b"c", b"e"]
