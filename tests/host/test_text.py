"""`<NAME>` in prompts, against the host's own `embedding:NAME`."""

from __future__ import annotations

import pathlib
import re
import unicodedata
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor


@pytest.fixture
def embedding(host: pathlib.Path) -> Tensor:
    """A row for <foo>, also saved where the stock tokenizer looks for embedding:foo."""
    row = torch.randn(1, 96, generator=torch.Generator().manual_seed(4))
    folder = host / "models" / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": row}, folder / "foo.safetensors")
    save_file({"emb_params": row + 1}, folder / "bar.safetensors")
    return row


@pytest.fixture
def clips(demo_model, embedding) -> tuple[Any, Any]:
    """The stock CLIP with the embeddings' folder, and one that knows <foo> and <bar>."""
    import folder_paths

    from single_image_studio.host.text import with_concept

    clip = demo_model[1]
    clip.tokenizer.clip_l.embedding_directory = folder_paths.get_folder_paths("embeddings")
    return clip, with_concept(with_concept(clip, "foo", embedding), "bar", embedding + 1)


def same_tokens(one: list[list[Any]], two: list[list[Any]]) -> bool:
    return all(
        len(a) == len(b)
        and all(
            x[1:] == y[1:] and (torch.equal(x[0], y[0]) if torch.is_tensor(x[0]) else x[0] == y[0])
            for x, y in zip(a, b)
        )
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "<foo> heart",
        "a large <foo> heart on a green background",
        "(<foo> heart:1.2)",
        "((<foo>)) heart, (best:0.7)",
        "a <foo> heart and a <bar> star",
        "<bar> star\n<foo> heart",
        "<foo> <foo> heart",
        "a heart on a green background " * 14 + "<foo> heart",
        r"\(<foo> heart\) plain",
        "<foo>",
    ],
)
@pytest.mark.parametrize("word_ids", [False, True])
def test_a_name_is_what_embedding_is(clips, prompt: str, word_ids: bool) -> None:
    stock, ours = clips
    by_name = ours.tokenize(prompt, return_word_ids=word_ids)["l"]
    by_file = stock.tokenize(
        prompt.replace("<foo>", " embedding:foo").replace("<bar>", " embedding:bar"), return_word_ids=word_ids
    )["l"]
    if word_ids:
        by_name, by_file = counted(by_name), counted(by_file)
    assert same_tokens(by_name, by_file)


def counted(batches: list[list[Any]]) -> list[list[Any]]:
    """With each word's id by when it comes first: newer hosts count the space before `embedding:`, too."""
    order = list(dict.fromkeys(token[2] for batch in batches for token in batch))
    return [[(*token[:2], order.index(token[2])) for token in batch] for batch in batches]


@pytest.mark.parametrize("prompt", ["", "a heart", "<unknown> heart", "1 < 2 > 0", "foo bar"])
def test_prompts_without_a_concept_are_untouched(clips, prompt: str) -> None:
    stock, ours = clips
    assert same_tokens(ours.tokenize(prompt)["l"], stock.tokenize(prompt)["l"])


def test_the_clip_it_came_from_knows_nothing(clips, embedding) -> None:
    stock, ours = clips
    assert not any(torch.is_tensor(token) for token, _ in stock.tokenize("<foo> heart")["l"][0])
    assert "foo" in ours.tokenizer.clip_l.concepts


def test_encodes_to_the_same_bits(clips) -> None:
    import nodes

    stock, ours = clips
    with torch.inference_mode():
        one = nodes.CLIPTextEncode().encode(ours, "(<foo> heart:1.3) on a green background")[0][0][0]
        two = nodes.CLIPTextEncode().encode(stock, "(embedding:foo heart:1.3) on a green background")[0][0][0]
    assert torch.equal(one, two)


@pytest.mark.parametrize("words", ["*", "a photo of * on a green background", "(red:1.3) star, *"])
def test_training_encodes_as_prompts_do(clips, embedding, demo_model, words: str) -> None:
    """What is trained as "* heart" is what CLIPTextEncode gives for "<foo> heart", with the same words around it."""
    import nodes

    from single_image_studio.host.concept_model import with_concept_model
    from single_image_studio.host.vae import Posterior

    _, ours = clips
    model, clip, _ = demo_model
    picture = Posterior(torch.zeros(1, 4, 16, 16), None)
    with torch.inference_mode():
        prompt = nodes.CLIPTextEncode().encode(ours, words.replace("*", "<foo> heart"))[0][0][0]

        def work(opened: Any) -> torch.Tensor:
            return opened.encode(embedding.clone(), words).detach()

        assert torch.equal(with_concept_model(model, clip, picture, "heart", "auto", work), prompt)


def test_rare_words_do_not_clash_with_the_prompt(clips, embedding) -> None:
    _, ours = clips
    inner = ours.tokenizer.clip_l
    taken = inner._rare_words("", 1)[0][0]
    tokens = ours.tokenize(f"<foo> heart {taken}")["l"][0]
    assert sum(torch.is_tensor(token) for token, _ in tokens) == 1


def test_many_tokens_a_concept(demo_model) -> None:
    from single_image_studio.host.text import with_concept

    rows = torch.randn(3, 96)
    tokens = with_concept(demo_model[1], "many", rows).tokenize("a <many> heart")["l"][0]
    assert torch.equal(torch.stack([t for t, _ in tokens if torch.is_tensor(t)]), rows)


def test_survives_copies(clips) -> None:
    import copy

    _, ours = clips
    clone = ours.clone()
    clone.tokenizer = copy.deepcopy(ours.tokenizer)
    assert any(torch.is_tensor(token) for token, _ in clone.tokenize("<foo> heart")["l"][0])


def test_a_nickname_gives_way_to_a_name(demo_model) -> None:
    from single_image_studio.host.text import with_concept

    def first(clip: Any, prompt: str) -> float:
        return next(float(t[0]) for t, _ in clip.tokenize(prompt)["l"][0] if torch.is_tensor(t))

    second = with_concept(demo_model[1], "my_2", torch.full((1, 96), 2.0), nicknames=["my"])
    assert first(second, "<my> heart") == first(second, "<my_2> heart") == 2.0
    both = with_concept(second, "my", torch.full((1, 96), 1.0))
    assert first(both, "<my> heart") == 1.0 and first(both, "<my_2> heart") == 2.0
    turned = with_concept(
        with_concept(demo_model[1], "my", torch.full((1, 96), 1.0)), "my_2", torch.full((1, 96), 2.0), nicknames=["my"]
    )
    assert first(turned, "<my> heart") == 1.0


def test_an_unknown_name_is_said(clips, caplog: pytest.LogCaptureFixture) -> None:
    clips[1].tokenize("<nobody> heart and <foo> heart")
    assert "<nobody>" in caplog.text and "<foo>, <bar>" in caplog.text


@pytest.mark.parametrize(
    "written, meant",
    [
        ("<foo:1.2> heart", "(<foo>:1.2) heart"),
        ("< foo > heart", "<foo> heart"),
        ("<FOO> heart", "<foo> heart"),
        ("＜foo＞ heart", "<foo> heart"),
        ("<foo.safetensors> heart", "<foo> heart"),
        ("<people/foo> heart", "<foo> heart"),
        (r"<people\foo> heart", "<foo> heart"),
        ("<lora:foo:0.8> heart", "<foo> heart"),
        ("(<Foo> heart:1.3) and <bar:0.5>", "(<foo> heart:1.3) and (<bar>:0.5)"),
    ],
)
def test_what_is_meant_is_taken(clips, written: str, meant: str) -> None:
    _, ours = clips
    assert same_tokens(ours.tokenize(written)["l"], ours.tokenize(meant)["l"])
    assert any(torch.is_tensor(token) for token, *_ in ours.tokenize(written)["l"][0])


@pytest.mark.parametrize("name", ["ที่รัก", "हिन्दी", unicodedata.normalize("NFD", "café")])
def test_an_unknown_name_is_said_in_every_script(clips, caplog: pytest.LogCaptureFixture, name: str) -> None:
    clips[1].tokenize(f"<{name}> heart")
    assert f"<{name}>" in caplog.text and "<foo>, <bar>" in caplog.text


@pytest.mark.parametrize("spelling", ["NFC", "NFD"])
def test_accents_are_one_letter_however_a_file_spells_them(
    demo_model, caplog: pytest.LogCaptureFixture, spelling: Any
) -> None:
    from single_image_studio.host.mentions import meant
    from single_image_studio.host.text import with_concept

    names = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}
    assert all(meant(f"other/{name.upper()}", [names[spelling]]) == names[spelling] for name in names.values())
    clip = with_concept(demo_model[1], names[spelling], torch.ones(1, 96), [f"cups/{names[spelling]}"], "tasse brûlée")
    exactly = clip.tokenize(f"<{names[spelling]}> tasse brûlée")["l"]
    assert any(torch.is_tensor(token) for token, *_ in exactly[0])
    for name in names.values():
        for prompt in (f"<{name}> tasse brûlée", f"<CUPS/{name.upper()}> tasse brûlée"):
            assert same_tokens(clip.tokenize(prompt)["l"], exactly)
            assert same_tokens(clip.tokenize(unicodedata.normalize("NFD", prompt))["l"], exactly)
    assert not [line for line in caplog.messages if "taken for" not in line]
    clip.tokenize(f"a {names['NFC']} and tea")
    assert "brackets" in caplog.text


def test_a_name_is_first_the_concept_that_is_spelled_so(demo_model) -> None:
    from single_image_studio.host.text import with_concept

    clip = demo_model[1]
    for value, form in enumerate(("NFC", "NFD")):
        clip = with_concept(clip, unicodedata.normalize(form, "café"), torch.full((1, 96), float(value)))
    for value, form in enumerate(("NFC", "NFD")):
        tokens = clip.tokenize(unicodedata.normalize(form, "<café> cup"))["l"][0]
        assert [float(token[0]) for token, _ in tokens if torch.is_tensor(token)] == [value]


def test_a_word_that_goes_on_with_a_vowel_sign_is_no_name(demo_model, caplog: pytest.LogCaptureFixture) -> None:
    from single_image_studio.host.text import with_concept

    clip = with_concept(demo_model[1], "कमल", torch.ones(1, 96), class_word="flower")
    clip.tokenize("a कमला, a flower")
    assert not caplog.messages
    clip.tokenize("a कमल, a flower")
    assert "brackets" in caplog.text


@pytest.mark.parametrize("prompt", ["<lora:other:1> heart", "a < b and c > d", "<>", "<foo heart"])
def test_other_packs_brackets_are_left_alone(clips, caplog: pytest.LogCaptureFixture, prompt: str) -> None:
    stock, ours = clips
    assert same_tokens(ours.tokenize(prompt)["l"], stock.tokenize(prompt)["l"])
    assert not caplog.records


def test_two_concepts_of_one_name(demo_model, caplog: pytest.LogCaptureFixture) -> None:
    """The later one is used, which is said; their paths tell them apart."""
    from single_image_studio.host.text import with_concept

    def first(clip: Any, prompt: str) -> float:
        return next(float(t[0]) for t, _ in clip.tokenize(prompt)["l"][0] if torch.is_tensor(t))

    people = with_concept(demo_model[1], "x", torch.full((1, 96), 1.0), ["people/x"])
    assert not caplog.records
    both = with_concept(people, "x", torch.full((1, 96), 2.0), ["pets/x"])
    assert "Two concepts are called <x>" in caplog.text
    assert [first(both, f"<{name}> y") for name in ("x", "people/x", "pets/x", "PETS\\x")] == [2.0, 1.0, 2.0, 2.0]


def with_class_words(clip: Any) -> Any:
    from single_image_studio.host.text import with_concept

    bear = with_concept(clip, "bear_2", torch.ones(1, 96), ["bear"], class_word="teddy bear")
    return with_concept(
        with_concept(bear, "foo", torch.zeros(1, 96), class_word="heart"), "脸", torch.ones(1, 96), (), "人脸"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "<foo> heart",
        "a <Foo> large red Heart on a beach",
        "(<foo>:1.2) heart",
        "((<foo> hearts:1.3))",
        "<foo>, a tag, heart",
        "<foo> beside <foo> heart",  # once is enough
        "<bear> teddy-bear and <bear_2> teddy bear",
        "<bear> teddy bears",
        "<foo:0.8> heart, <bear> teddy bear",
        "在海滩上的<脸>漂亮人脸",
        "a heart",
        "<nobody> star",
    ],
)
def test_the_class_word_may_stand_anywhere_after_the_name(
    demo_model, caplog: pytest.LogCaptureFixture, prompt: str
) -> None:
    with_class_words(demo_model[1]).tokenize(prompt)
    assert "class word" not in caplog.text


@pytest.mark.parametrize(
    "prompt, phrases",
    [
        ("<foo> star", ["<foo> heart"]),
        ("a photo of <FOO>", ["<foo> heart"]),
        ("a heart like <foo>", ["<foo> heart"]),  # it was learned the other way round
        ("<foo>. A heart beside it", ["<foo> heart"]),
        ("<foo> and <bear> hearts", ["<bear> teddy bear", "<foo> heart"]),
        ("<bear> teddy, <foo> heartless", ["<bear> teddy bear", "<foo> heart"]),
        ("<脸>在海滩上", ["<脸> 人脸"]),
    ],
)
def test_a_wrong_class_word_is_said_once(
    demo_model, caplog: pytest.LogCaptureFixture, prompt: str, phrases: list[str]
) -> None:
    with_class_words(demo_model[1]).tokenize(f"{prompt}")
    assert [re.findall("“(.*)”", line) for line in caplog.messages if "class word" in line] == [[p] for p in phrases]


@pytest.mark.parametrize(
    "prompt, phrases",
    [
        ("foo heart", ["<foo> heart"]),
        ("a photo of (Foo:1.2) on a beach", ["<foo> heart"]),
        ("foo's house, with bear_2", ["<bear_2> teddy bear", "<foo> heart"]),
        ("<bear_2> teddy bear and foo heart", ["<foo> heart"]),
    ],
)
def test_a_name_without_brackets_is_said(
    demo_model, caplog: pytest.LogCaptureFixture, prompt: str, phrases: list[str]
) -> None:
    with_class_words(demo_model[1]).tokenize(prompt)
    assert [re.findall(r"write (<.*)\.$", line) for line in caplog.messages] == [[phrase] for phrase in phrases]


@pytest.mark.parametrize(
    "prompt",
    [
        "a heart",
        "a bear and a teddy bear",  # also a nickname here, and one of its class word's words
        "<foo> heart and the foo beside it",
        "<bear> teddy bear, the bear_2 of before",
        "脸 人脸",
        "embedding:foo heart",
        "food, foo_2, foo-fighter, my/foo, foo.png, <foo heart",
    ],
)
def test_an_ordinary_word_is_no_name(demo_model, caplog: pytest.LogCaptureFixture, prompt: str) -> None:
    with_class_words(demo_model[1]).tokenize(prompt)
    assert "brackets" not in caplog.text


def test_without_a_class_word_nothing_is_said(clips, caplog: pytest.LogCaptureFixture) -> None:
    clips[1].tokenize("<foo> star, <bar>")
    assert not caplog.records
