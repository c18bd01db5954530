"""Nodes that keep and use concepts."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io

from ..concept.data import Concept
from ..concept.export import ExportSettings
from ..host import folders, saved_files
from ..host.progress import courtesy
from ..page import provenance, regions
from ..pipelines.use_concept import Apart, Strengths, concept_hooks, save_concept, saved_concept, use_concept
from ..support.names import check_name
from ..support.narrow import PRECISIONS
from .schema import CATEGORY, ConceptSocket, Node, address, advanced, schema


def _strengths() -> list[io.Input]:
    return [
        io.Float.Input(
            "strength_model",
            default=1.0,
            min=-10.0,
            max=10.0,
            step=0.05,
            tooltip=(
                "How strongly Stage II's LoRA changes the picture. Lower it if pictures look stiff; 0 uses only the"
                " learned word."
            ),
        ),
        io.Float.Input(
            "strength_clip",
            default=1.0,
            min=-10.0,
            max=10.0,
            step=0.05,
            tooltip="How strongly Stage II's LoRA changes how prompts are read. Usually the same as strength_model.",
        ),
    ]


def _keep_apart() -> io.Input:
    """The last input, of graphs saved before it existed too."""
    return io.Boolean.Input(
        "keep_apart",
        optional=True,
        default=False,
        tooltip=(
            "Keeps the concept to its own words and its own place: the rest of a prompt is read, and the rest of the"
            " picture is drawn, as if the concept were not there. Turn it on for several concepts in one picture, or"
            " when a concept colours what stands beside it. It costs one more text encoding for each concept that a"
            " prompt names."
        ),
    )


def _region() -> io.Input:
    return io.Mask.Input(
        "region",
        optional=True,
        tooltip=(
            "Where in the picture the concept may be: white. Connecting a mask also turns keep_apart on. Without one,"
            " keep_apart finds the place by itself in the first steps, and shows it here."
        ),
    )


def _hooks() -> io.Output:
    return io.Hooks.Output(
        "hooks",
        display_name="hooks",
        tooltip=(
            "The concept's LoRA alone, as Create Hook LoRA makes it, for ComfyUI's own nodes that apply a LoRA to one"
            " prompt or one region. Use it instead of the model output, not beside it."
        ),
    )


def _applied_outputs() -> list[io.Output]:
    return [
        io.Model.Output(
            "model_out",
            display_name="model",
            tooltip="The MODEL with the concept. Connect it to KSampler, or to the next Load Concept or Apply Concept.",
        ),
        io.Clip.Output(
            "clip_out",
            display_name="clip",
            tooltip=(
                "The CLIP that knows the concept's name. Connect it to CLIP Text Encode, or to the next Load Concept or"
                " Apply Concept."
            ),
        ),
        io.String.Output(
            "phrase",
            display_name="phrase",
            tooltip="What to write in prompts: the concept's name and its class word, as in <my_concept> face.",
        ),
    ]


_TOLD_TO_PICTURES = [io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo]
"""What `provenance.tell` needs, so that saved pictures name their concepts."""


def _tell(cls: Any, concept: Concept, name: str, strengths: Strengths, keep_apart: bool) -> None:
    """Saved pictures name their concepts."""
    with courtesy("The concept's name in saved pictures"):
        facts = provenance.facts_of(concept, name, strengths.model, strengths.clip, keep_apart)
        provenance.tell(getattr(cls, "hidden", None), facts)


def _apart(cls: Any, name: str, keep_apart: bool, region: Any) -> Apart | None:
    """How the concept is kept apart; None for on everything. A region keeps it apart too."""
    if not keep_apart and region is None:
        return None
    return Apart(region=region, found=regions.teller(address(cls), name))


class SaveConcept(Node):
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
                "Saves a concept as one small file in models/single_image_studio/concepts. If the name is taken, a"
                " number is added; nothing is overwritten."
            ),
            inputs=[
                ConceptSocket.Input("concept", tooltip="A concept from Stage I or Stage II."),
                io.String.Input(
                    "name",
                    default="my_concept",
                    tooltip="What the concept is called in prompts: <my_concept>. Use letters, digits, - and _.",
                ),
                io.Boolean.Input(
                    "export_for_other_tools",
                    default=True,
                    tooltip=(
                        "Also saves embeddings/NAME and loras/NAME. With these, ComfyUI's own embedding:NAME and Load"
                        " LoRA give the same result."
                    ),
                ),
                advanced(
                    io.Boolean.Input(
                        "include_picture",
                        optional=True,
                        default=True,
                        tooltip=(
                            "Keeps the picture and mask in the file, so that the concept can be trained further, and"
                            " puts the picture beside the exported files as their preview. Turn it off before you share"
                            " a concept of a private photo."
                        ),
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "export_precision",
                        optional=True,
                        options=list(PRECISIONS),
                        default="fp32",
                        tooltip=(
                            "Number format of the exported files. fp32: exactly what was learned. fp16: half the size,"
                            " with pictures that differ slightly."
                        ),
                    )
                ),
            ],
            outputs=[
                ConceptSocket.Output(
                    "saved_concept", display_name="concept", tooltip="The same concept, for the next nodes."
                ),
                io.String.Output(
                    "saved_as",
                    display_name="saved_as",
                    tooltip="The name it was saved under, with a number if the name was taken.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> int:
        """A file that is gone lets the node run again."""
        return saved_files.times_lost()

    @classmethod
    def execute(
        cls,
        concept: Concept,
        name: str,
        export_for_other_tools: bool,
        include_picture: bool = True,
        export_precision: str = "fp32",
    ) -> io.NodeOutput:
        settings = ExportSettings(precision=export_precision, preview=include_picture)
        export = settings if export_for_other_tools else None
        saved = save_concept(concept, name, export=export, include_picture=include_picture)
        text = f"Saved as {saved.name}. In prompts: {saved.phrase()}"
        return io.NodeOutput(
            saved, saved.name, ui={"text": [text], "saved_concept": [saved.name], "phrase": [saved.phrase()]}
        )


class LoadConcept(Node):
    """Loads a saved concept and applies it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_LoadConcept",
            display_name="Load Concept",
            category=CATEGORY,
            search_aliases=["load embedding", "load lora", "singleinsert", "use concept"],
            description=(
                "Loads a saved concept and applies it to MODEL and CLIP. Then write its phrase in any prompt:"
                " <my_concept> face with sunglasses. Chain several of these nodes to use several concepts together."
            ),
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip=(
                        "The checkpoint to generate pictures with: the one the concept was trained on, or a related"
                        " one."
                    ),
                ),
                io.Clip.Input("clip", tooltip="The same checkpoint's CLIP."),
                io.Combo.Input(
                    "concept_name",
                    options=folders.CONCEPTS.names(),
                    tooltip="A concept from models/single_image_studio/concepts. In prompts, write it as <this name>.",
                ),
                *_strengths(),
                _keep_apart(),
                _region(),
            ],
            outputs=[
                *_applied_outputs(),
                ConceptSocket.Output(
                    "concept",
                    display_name="concept",
                    tooltip="The concept itself. Connect it to Stage II to train it further.",
                ),
                _hooks(),
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
        cls,
        model: Any,
        clip: Any,
        concept_name: str,
        strength_model: float,
        strength_clip: float,
        keep_apart: bool = False,
        region: Any = None,
    ) -> io.NodeOutput:
        concept, strengths = saved_concept(concept_name), Strengths(strength_model, strength_clip)
        name, path = concept.name or concept_name, folders.CONCEPTS.meant(concept_name).replace("\\", "/")
        apart = _apart(cls, name, keep_apart, region)
        outputs = use_concept(model, clip, concept, name, strengths, [path], apart)
        _tell(cls, concept, name, strengths, apart is not None)
        hooks = concept_hooks(concept, strengths)
        # a name that came over a wire is known nowhere else on the page
        return io.NodeOutput(*outputs, concept, hooks, ui={"loaded_concept": [concept_name]})


class ApplyConcept(Node):
    """Applies a concept that is on a wire, saved or not."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_ApplyConcept",
            display_name="Apply Concept",
            category=CATEGORY,
            search_aliases=["use concept", "singleinsert"],
            description=(
                "Applies a concept to MODEL and CLIP straight after training, without saving it. Then write its phrase"
                " in any prompt: <my_concept> face with sunglasses."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint to generate pictures with."),
                io.Clip.Input("clip", tooltip="The same checkpoint's CLIP."),
                ConceptSocket.Input("concept", tooltip="A concept from Stage I, Stage II or Load Concept."),
                io.String.Input(
                    "name",
                    default="my_concept",
                    tooltip="What the concept is called in prompts: <my_concept>. Use letters, digits, - and _.",
                ),
                *_strengths(),
                _keep_apart(),
                _region(),
            ],
            outputs=[*_applied_outputs(), _hooks()],
            hidden=_TOLD_TO_PICTURES,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        concept: Concept,
        name: str,
        strength_model: float,
        strength_clip: float,
        keep_apart: bool = False,
        region: Any = None,
    ) -> io.NodeOutput:
        name, strengths = check_name(name), Strengths(strength_model, strength_clip)
        apart = _apart(cls, name, keep_apart, region)
        outputs = use_concept(model, clip, concept, name, strengths, apart=apart)
        _tell(cls, concept, name, strengths, apart is not None)
        return io.NodeOutput(*outputs, concept_hooks(concept, strengths))
