from __future__ import annotations

import pytest

from single_image_studio.support.errors import InputError
from single_image_studio.support.writing import FileTaken


@pytest.mark.parametrize(("kind", "name"), [(InputError, "InputError"), (FileTaken, "FileTaken")])
def test_the_host_shows_the_name_alone(host, kind: type, name: str) -> None:
    """The heading of the page's dialog, which would otherwise hold the path of the pack's folder."""
    from execution import full_type_name

    assert full_type_name(kind) == name
