"""Names of files in the host's output folder."""

from __future__ import annotations

import pytest

from single_image_studio.support.errors import InputError


@pytest.fixture
def next_output(host, tmp_path, monkeypatch: pytest.MonkeyPatch):
    import folder_paths

    from single_image_studio.host.output_files import next_output

    monkeypatch.setattr(folder_paths, "get_output_directory", lambda: str(tmp_path))
    return next_output


@pytest.mark.parametrize("prefix", ["コンセプト" * 4 + "/" + "評価の結果" * 8, "a" * 120 + "/" + "b" * 120, "c" * 240])
def test_every_name_of_a_path_may_be_as_long_as_file_systems_take(next_output, prefix: str) -> None:
    path = next_output(prefix, ".html")
    path.write_text("")
    assert path.name == f"{prefix.rpartition('/')[2]}_00001_.html"


@pytest.mark.parametrize("prefix", ["a" * 300, "a" * 300 + "/b", "a" * 244, "\0", "../a"])
def test_what_no_file_can_be_called_is_told(next_output, prefix: str) -> None:
    with pytest.raises(InputError, match=r"`filename_prefix` is '.*(called|outside of the output folder): change it"):
        next_output(prefix, ".html")
