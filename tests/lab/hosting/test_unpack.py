"""The host's folder out of its wheel."""

from __future__ import annotations

import pathlib
import stat
import zipfile

import pytest

from lab import DevError
from lab.hosting import unpack


def make_wheel(path: pathlib.Path, names: list[str], mode: int = 0o644) -> pathlib.Path:
    with zipfile.ZipFile(path, "w") as wheel:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | mode) << 16
            wheel.writestr(info, name)
    return path


def test_unpacking_takes_one_folder_and_replaces_it(tmp_path: pathlib.Path) -> None:
    wheel = make_wheel(
        tmp_path / "a.whl",
        ["pkg/host/main.py", "pkg/host/sub/x.py", "pkg/host/drop.yaml", "pkg/other.py", "pkg/host2/y.py"],
    )
    place = tmp_path / "place" / "host"
    (place / "old").mkdir(parents=True)
    unpack.unpack_folder(wheel, "pkg/host/", place, drop=("drop.yaml",))
    assert sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()) == [
        "main.py",
        str(pathlib.Path("sub/x.py")),
    ]
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(
    "name", ["pkg/host/../../evil.py", "pkg/host//etc/evil.py", "pkg/host/..\\evil.py", "pkg/host/C:evil.py"]
)
def test_unpacking_refuses_paths_that_leave_the_folder(tmp_path: pathlib.Path, name: str) -> None:
    wheel = make_wheel(tmp_path / "a.whl", ["pkg/host/main.py", name])
    place = tmp_path / "place" / "host"
    place.mkdir(parents=True)
    (place / "kept").touch()
    with pytest.raises(DevError, match="unsafe path"):
        unpack.unpack_folder(wheel, "pkg/host/", place)
    assert [p.name for p in place.iterdir()] == ["kept"]
    assert list(place.parent.iterdir()) == [place]


def test_unpacking_refuses_links(tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        info = zipfile.ZipInfo("pkg/host/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        wheel.writestr(info, "/etc/passwd")
    with pytest.raises(DevError, match="unsafe path"):
        unpack.unpack_folder(tmp_path / "a.whl", "pkg/host/", tmp_path / "host")


def test_damaged_or_wrong_wheels_are_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bad.whl").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DevError, match=r"bad\.whl is damaged"):
        unpack.unpack_folder(tmp_path / "bad.whl", "pkg/host/", tmp_path / "host")
    with pytest.raises(DevError, match="has no folder"):
        unpack.unpack_folder(make_wheel(tmp_path / "a.whl", ["pkg/x.py"]), "pkg/host/", tmp_path / "host")
    assert not (tmp_path / "host").exists()
