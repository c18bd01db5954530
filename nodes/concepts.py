"""Nodes that keep and use concepts."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io

from ..concept.data import Concept
from ..host import folders
from ..page import provenance
from ..pipelines.use_concept import Strengths, save_concept, saved_concept, use_concept
from ..support.names import check_name
from .schema import CATEGORY, ConceptSocket, advanced, schema


def _strengths() -> list[io.Input]:
    return [
        io.Float.Input(
            "strength_model",
            default=1.0,
            min=-10.0,
            max=10.0,
            step=0.05,
            tooltip=(
                "How strongly Stage II's LoRA acts on the picture. Lower it if pictures look stiff; 0 uses the learned"
                " word alone."
            ),
        ),
        io.Float.Input(
            "strength_clip",
            default=1.0,
            min=-10.0,
            max=10.0,
            step=0.05,
            tooltip="How strongly Stage II's LoRA acts on the reading of prompts. Usually the same as strength_model.",
        ),
    ]


def _applied_outputs() -> list[io.Output]:
    return [
        io.Model.Output(
            "model_out",
            display_name="model",
            tooltip="The MODEL with the concept: to KSampler, or to the next Load or Apply Concept.",
        ),
        io.Clip.Output(
            "clip_out",
            display_name="clip",
            tooltip="The CLIP that knows the concept's name: to CLIPTextEncode, or to the next Load or Apply Concept.",
        ),
        io.String.Output(
            "phrase",
            display_name="phrase",
            tooltip="What to write in prompts: the concept's name and its class word, as in <my_concept> face.",
        ),
    ]


_TOLD_TO_PICTURES = [io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo]
"""What `provenance.tell` needs, so that saved pictures name their concepts."""


def _use(model: Any, clip: Any, concept: Concept, name: str, strengths: Strengths, hidden: Any) -> tuple[Any, Any, str]:
    outputs = use_concept(model, clip, concept, name, strengths)
    provenance.tell(hidden, provenance.facts_of(concept, name, strengths.model, strengths.clip))
    return outputs


class SaveConcept(io.ComfyNode):
    """Writes a concept to one file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_SaveConcept",
            display_name="Save Concept",
            category=CATEGORY,
            search_aliases=["save embedding", "save lora", "singleinsert"],
            is_output_node=True,
            description=(
                "Saves a concept as one small file in models/single_image_studio/concepts. A name that is taken gets a"
                " number; nothing is overwritten."
            ),
            inputs=[
                ConceptSocket.Input("concept", tooltip="A concept from Stage I or Stage II."),
                io.String.Input(
                    "name",
                    default="my_concept",
                    tooltip="What the concept is called in prompts: <my_concept>. Letters, digits, - and _.",
                ),
                io.Boolean.Input(
                    "export_for_other_tools",
                    default=True,
                    tooltip=(
                        "Also write embeddings/NAME and loras/NAME, which the stock embedding:NAME and Load LoRA use"
                        " with the same result."
                    ),
                ),
                advanced(
                    io.Boolean.Input(
                        "include_picture",
                        optional=True,
                        default=True,
                        tooltip=(
                            "Keep the picture and mask in the file, so that the concept can be trained further. Turn"
                            " off before sharing a private photo."
                        ),
                    )
                ),
            ],
            outputs=[
                ConceptSocket.Output(
                    "saved_concept", display_name="concept", tooltip="The same concept, for nodes that follow."
                ),
                io.String.Output(
                    "saved_as",
                    display_name="saved_as",
                    tooltip="The name that it was saved under: as asked, or with a number if that was taken.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, concept: Concept, name: str, export_for_other_tools: bool, include_picture: bool = True
    ) -> io.NodeOutput:
        saved = save_concept(concept, name, export=export_for_other_tools, include_picture=include_picture)
        text = f"Saved as {saved.name}. In prompts: {saved.phrase()}"
        return io.NodeOutput(saved, saved.name, ui={"text": [text], "saved_concept": [saved.name]})


class LoadConcept(io.ComfyNode):
    """Loads a saved concept and applies it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_LoadConcept",
            display_name="Load Concept",
            category=CATEGORY,
            search_aliases=["load embedding", "load lora", "singleinsert", "use concept"],
            description=(
                "Loads a saved concept and puts it on MODEL and CLIP. Then write its phrase in any prompt: <my_concept>"
                " face with sunglasses. Chain several of these to use several concepts together."
            ),
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip=(
                        "The checkpoint to make pictures with: the one that the concept was trained on, or a relative."
                    ),
                ),
                io.Clip.Input("clip", tooltip="The same checkpoint's CLIP."),
                io.Combo.Input(
                    "concept_name",
                    options=folders.CONCEPTS.names(),
                    tooltip="A concept from models/single_image_studio/concepts. It is called <this name> in prompts.",
                ),
                *_strengths(),
            ],
            outputs=[
                *_applied_outputs(),
                ConceptSocket.Output(
                    "concept", display_name="concept", tooltip="The concept itself: to Stage II, to train it further."
                ),
            ],
            hidden=_TOLD_TO_PICTURES,
        )

    @classmethod
    def validate_inputs(cls, concept_name: str | None = None, input_types: Any = None) -> bool:
        """Leaves the name to `execute`, so that a concept saved by the same graph can be linked in (STRING into this
        list).

        Naming an argument here switches the host's own check of it off; what is returned here it would show once for
        each of them.
        """
        return True

    @classmethod
    def fingerprint_inputs(cls, concept_name: str | None = None, **_: Any) -> str:
        """A concept's content decides whether the node runs again."""
        return folders.CONCEPTS.stamp(concept_name)

    @classmethod
    def execute(
        cls, model: Any, clip: Any, concept_name: str, strength_model: float, strength_clip: float
    ) -> io.NodeOutput:
        concept, strengths = saved_concept(concept_name), Strengths(strength_model, strength_clip)
        outputs = _use(model, clip, concept, concept.name or concept_name, strengths, getattr(cls, "hidden", None))
        return io.NodeOutput(*outputs, concept)


class ApplyConcept(io.ComfyNode):
    """Applies a concept that is on a wire, saved or not."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_ApplyConcept",
            display_name="Apply Concept",
            category=CATEGORY,
            search_aliases=["use concept", "singleinsert"],
            description=(
                "Puts a concept straight from training on MODEL and CLIP, without saving it. Then write its phrase in"
                " any prompt: <my_concept> face with sunglasses."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint to make pictures with."),
                io.Clip.Input("clip", tooltip="The same checkpoint's CLIP."),
                ConceptSocket.Input("concept", tooltip="A concept from Stage I, Stage II or Load Concept."),
                io.String.Input(
                    "name",
                    default="my_concept",
                    tooltip="What the concept is called in prompts: <my_concept>. Letters, digits, - and _.",
                ),
                *_strengths(),
            ],
            outputs=_applied_outputs(),
            hidden=_TOLD_TO_PICTURES,
        )

    @classmethod
    def execute(
        cls, model: Any, clip: Any, concept: Concept, name: str, strength_model: float, strength_clip: float
    ) -> io.NodeOutput:
        strengths = Strengths(strength_model, strength_clip)
        return io.NodeOutput(*_use(model, clip, concept, check_name(name), strengths, getattr(cls, "hidden", None)))
