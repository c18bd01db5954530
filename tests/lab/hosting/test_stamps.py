"""What set-up remembers of what it has done."""

from __future__ import annotations

import pathlib

from lab.hosting import stamps


def test_stamps_follow_contents(tmp_path: pathlib.Path) -> None:
    file, stamp = tmp_path / "requirements.txt", tmp_path / ".stamp"
    missing = stamps.digest(["x86_64", file])
    file.write_text("torch")
    first = stamps.digest(["x86_64", file])
    assert len({missing, first, stamps.digest(["aarch64", file]), stamps.digest(["x86_64to", file])}) == 4
    assert not stamps.is_current(stamp, first)
    stamps.write(stamp, first)
    assert stamps.is_current(stamp, first)
    file.write_text("torch==1")
    assert not stamps.is_current(stamp, stamps.digest(["x86_64", file]))
    assert list(tmp_path.glob(".stamp*")) == [stamp]
