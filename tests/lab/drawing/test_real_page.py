"""What is written into the workflows that the README's pictures are taken of."""

from __future__ import annotations

import pytest

from lab.drawing import real_page, shipped


@pytest.mark.parametrize("name", sorted(real_page.OVERRIDES))
def test_the_demos_values_are_written_and_few_steps_when_asked(name: str) -> None:
    prompt = shipped.prompt(name)
    whole, few = real_page.values(name), real_page.values(name, few=True)
    assert whole == {
        node_id: {key: value for key, value in node["inputs"].items() if not isinstance(value, list)}
        for node_id, node in prompt.items()
    }
    fewer = {node_id for node_id in whole if whole[node_id] != few[node_id]}
    assert fewer and all(few[node_id]["steps"] < whole[node_id]["steps"] for node_id in fewer)
