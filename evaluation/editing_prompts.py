"""Prompts that an editable concept must follow, and what to look for in the pictures they give.

`{}` stands for the concept's phrase, as in "<my_concept> face", and `{class}` for its class word alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SEEDS = 10  # pictures a prompt in the paper
WHOLE = "all that the prompt says"  # the goal of a prompt that nobody has divided into goals


@dataclass(frozen=True)
class EditingPrompt:
    """One prompt and its editing goals. A picture earns 1/len(goals) for each goal that it shows."""

    template: str
    goals: tuple[str, ...]

    def text(self, phrase: str) -> str:
        # not format(): a phrase may hold braces, for the page's dynamic prompts
        stands_for = {"{}": phrase, "{class}": class_word(phrase)}
        return re.sub(r"\{(class)?\}", lambda match: stands_for[match[0]], self.template)

    def score(self) -> str:
        """What each goal is worth, in words."""
        worth = {1: "1 point", 2: "half a point"}[len(self.goals)]
        return "; ".join(f"{worth}: {goal}" for goal in self.goals)


def goals_in(score: str) -> tuple[str, ...]:
    """The goals in what `EditingPrompt.score` says, or in a person's own list: apart by semicolons."""
    found = (re.sub(r"^(1 point|half a point):", "", part.strip()).strip() for part in score.split(";"))
    return tuple(goal for goal in found if goal)


def class_word(phrase: str) -> str:
    """What follows the concept's name in its phrase, without a weight; all of a phrase that has no name."""
    return re.sub(r":[\d.]+\)$", "", phrase.rpartition(">")[2]).strip(" ()") or phrase


def without_names(prompt: str) -> str:
    """A prompt without the concepts' names, which only their own checkpoint knows: "<my_concept> face" is a face."""
    return re.sub(r"\s+", " ", re.sub(r"<[^<>]*>", "", prompt)).strip()


def own(text: str) -> tuple[EditingPrompt, ...]:
    """A user's own, one a line: each is to be followed as a whole. PHRASE and CLASS stand for what `{}` and `{class}`
    do: the page would read braces as its own."""
    lines = re.sub(r"\bCLASS\b", "{class}", re.sub(r"\bPHRASE\b", "{}", text)).splitlines()
    return tuple(EditingPrompt(line.strip(), (WHOLE,)) for line in lines if line.strip())


def singleinsert(second_choice: bool = False) -> tuple[EditingPrompt, ...]:
    """SingleInsert's ten, written for faces (arXiv:2310.08094, appendix A.2).

    second_choice: the paper leaves two words open, "NBA/WNBA" and "long/short"; True takes the second of each.
    """
    league, hair = ("WNBA", "short hair") if second_choice else ("NBA", "long hair")
    return (
        EditingPrompt(f"A {league} player, {{}}", (f"{league} player",)),
        EditingPrompt("{} funko pop", ("funko pop",)),
        EditingPrompt("A tattoo of {} on the back", ("a tattoo of the subject on a back",)),
        EditingPrompt("A person wearing police uniform and a blue beret, {}", ("police uniform", "blue beret")),
        EditingPrompt("A person wearing sunglasses smiling, {}", ("sunglasses", "smiling")),
        EditingPrompt(f"A side view {{}} with {hair}", ("side view", hair)),
        EditingPrompt("An oil painting of {} in a wooden frame", ("oil painting", "wooden frame")),
        EditingPrompt("A {} person took a selfie with Obama in the forest", ("a selfie with Obama", "forest")),
        EditingPrompt("A book with a person wearing a crown on it, {}", ("a book with a person on it", "crown")),
        EditingPrompt("{} with teal hair, in front of a pink wall", ("teal hair", "pink wall")),
    )


PLACES = (
    "in the jungle",
    "in the snow",
    "on the beach",
    "on a cobblestone street",
    "on top of pink fabric",
    "on top of a wooden floor",
    "with a city in the background",
    "with a mountain in the background",
    "with a blue house in the background",
    "on top of a purple rug in a forest",
)
OBJECT_PLACES = (
    "with a wheat field in the background",
    "with a tree and autumn leaves in the background",
    "with the Eiffel Tower in the background",
    "floating on top of water",
    "floating in an ocean of milk",
    "on top of green grass with sunflowers around it",
    "on top of a mirror",
    "on top of the sidewalk in a crowded street",
    "on top of a dirt road",
    "on top of a white rug",
)
OUTFITS = (
    "wearing a red hat",
    "wearing a santa hat",
    "wearing a rainbow scarf",
    "wearing a black top hat and a monocle",
    "in a chef outfit",
    "in a firefighter outfit",
    "in a police outfit",
    "wearing pink glasses",
    "wearing a yellow shirt",
    "in a purple wizard outfit",
)
PROPERTIES = ("red", "purple", "shiny", "wet", "cube shaped")


def dreambooth(after: Sequence[str]) -> tuple[EditingPrompt, ...]:
    """DreamBooth's 25 (Ruiz et al. 2023, arXiv:2208.12242; its data set's list): 20 after the subject, 5 properties
    before it.

    Their authors score them with CLIP; here each is one goal.
    """
    places = tuple(EditingPrompt(f"a {{}} {text}", (text,)) for text in (*PLACES, *after))
    return places + tuple(EditingPrompt(f"a {text} {{}}", (text,)) for text in PROPERTIES)


def prompt_set(name: str, second_choice: bool = False) -> tuple[EditingPrompt, ...]:
    """A set by its name.

    Raises: KeyError for an unknown one.
    """
    if name == "singleinsert":
        return singleinsert(second_choice)
    return dreambooth({"dreambooth_object": OBJECT_PLACES, "dreambooth_live": OUTFITS}[name])


PROMPT_SETS = ("singleinsert", "dreambooth_object", "dreambooth_live")


def checklist(prompts: Sequence[EditingPrompt], phrase: str) -> str:
    """The whole set as one text to score pictures by, with the rule on its last line.

    In Markdown, as which the page shows it: prompts are code, or their <names> would be taken for HTML and left out.
    """
    lines = [f"{number}. `{prompt.text(phrase)}`\n    - {prompt.score()}" for number, prompt in enumerate(prompts, 1)]
    rule = (
        f"Editing Success Rate (ESR): draw {SEEDS} pictures a prompt with different seeds, give each picture the points"
        f" of the goals that it shows, and divide the sum by the number of pictures ({len(prompts)} x {SEEDS} ="
        f" {len(prompts) * SEEDS})."
    )
    return "\n".join([*lines, "", rule])
