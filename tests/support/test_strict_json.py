from __future__ import annotations

import json
import math
from typing import Any

import pytest

from single_image_studio.support.strict_json import read_numbers, write_numbers


@pytest.mark.parametrize(
    "value", [{"loss": [1.5, math.inf, -math.inf], "deep": {"er": [[math.inf]]}}, {}, [1, True, None, "text", 1e-300]]
)
def test_what_is_written_is_json_and_comes_back(value: Any) -> None:
    text = write_numbers(value)
    json.loads(text, parse_constant=pytest.fail)
    assert read_numbers(text) == value
    assert read_numbers(json.dumps(value)) == value, "as earlier versions wrote it"


def test_nan_comes_back() -> None:
    for text in (write_numbers({"loss": [math.nan]}), '{"loss": [NaN]}'):
        assert math.isnan(read_numbers(text)["loss"][0])


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError):
        read_numbers('{"loss": [nan]}')
