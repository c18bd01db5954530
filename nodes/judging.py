"""Nodes that help to judge concepts and edits."""

from __future__ import annotations

from comfy_api.v0_0_2 import io

from ..evaluation import editing_prompts
from ..support import checks
from ..support.errors import InputError
from .schema import CATEGORY, Node, advanced, schema


class EditingPrompts(Node):
    """Prompts that show how freely a concept can be edited."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_EditingPrompts",
            display_name="Editing Prompts (ESR)",
            category=CATEGORY,
            search_aliases=["esr", "editing success rate", "prompt list", "benchmark prompts", "dreambooth prompts"],
            description=(
                "A list of prompts that an editable concept should follow: SingleInsert's 10, or DreamBooth's 25 for"
                " objects or 25 for people and animals, or your own. Connect prompts to CLIP Text Encode: everything"
                " after it runs once for each prompt."
            ),
            inputs=[
                io.String.Input(
                    "phrase",
                    default="",
                    tooltip=(
                        "The concept's name in angle brackets and its class word, as in <my_concept> face. Load"
                        " Concept's phrase output gives it."
                    ),
                ),
                io.Combo.Input(
                    "prompt_set",
                    options=list(editing_prompts.PROMPT_SETS),
                    default="singleinsert",
                    tooltip=(
                        "singleinsert: 10 for faces. dreambooth_object: 25 for objects. dreambooth_live: 25 for people"
                        " and animals."
                    ),
                ),
                advanced(
                    io.Boolean.Input(
                        "second_choice",
                        optional=True,
                        default=False,
                        tooltip=(
                            "singleinsert only: two of its prompts offer a choice of words. Off: NBA and long hair. On:"
                            " WNBA and short hair."
                        ),
                    )
                ),
                io.String.Input(
                    "own_prompts",
                    optional=True,
                    multiline=True,
                    default="",
                    tooltip=(
                        "Your own prompts instead of the set, one a line. PHRASE stands for the phrase, CLASS for its"
                        " class word alone."
                    ),
                ),
            ],
            outputs=[
                io.String.Output(
                    "prompts",
                    display_name="prompts",
                    is_output_list=True,
                    tooltip="The prompts, one after another. Connect it to CLIP Text Encode's text.",
                ),
                io.String.Output(
                    "goals",
                    display_name="goals",
                    is_output_list=True,
                    tooltip=(
                        "What the pictures of each prompt must show, and the points: 1 point for one goal, half a point"
                        " each for two."
                    ),
                ),
                io.String.Output(
                    "checklist",
                    display_name="checklist",
                    tooltip=(
                        "All prompts and goals as one text, with how to count the editing success rate. Connect it to"
                        " Preview Any."
                    ),
                ),
            ],
        )

    @classmethod
    def execute(cls, phrase: str, prompt_set: str, second_choice: bool = False, own_prompts: str = "") -> io.NodeOutput:
        checks.text("own_prompts", own_prompts)
        phrase = checks.text("phrase", phrase).strip()
        if not phrase:
            raise InputError(
                "`phrase` is empty: write the concept's name and class word, as in <my_concept> face, or connect Load"
                " Concept's phrase."
            )
        checks.choice("prompt_set", prompt_set, editing_prompts.PROMPT_SETS)  # hosts before 0.33 let any text through
        chosen = editing_prompts.own(own_prompts) or editing_prompts.prompt_set(prompt_set, second_choice)
        return io.NodeOutput(
            [prompt.text(phrase) for prompt in chosen],
            [prompt.score() for prompt in chosen],
            editing_prompts.checklist(chosen, phrase),
        )
