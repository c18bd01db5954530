"""What a batch of prompts keeps of what the host tells of each."""

from __future__ import annotations

from lab.measuring.sampling import encode_many

from ...helpers.kept_apart import on


def test_a_prompt_drawn_several_times_tells_where_it_names_concepts(demo_model) -> None:
    _, clip = on(demo_model[:2], "foo", "heart")
    ((rows, told),) = encode_many(clip, ["<foo> heart on a red background"] * 3)
    assert len(rows) == len(told["pooled_output"]) == 3
    assert told["single_image_studio_phrases"] == {"foo": (1, 2)}


def test_different_prompts_tell_nothing_that_holds_for_one_alone(demo_model) -> None:
    _, clip = on(demo_model[:2], "foo", "heart")
    ((_, told),) = encode_many(clip, ["<foo> heart", "a heart"])
    assert set(told) <= {"pooled_output"}
