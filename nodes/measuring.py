"""Nodes that measure pictures, and the sheet on which people judge them."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io, ui

from ..host.output_files import shown_path
from ..pipelines import metric_models
from ..pipelines.concept_metrics import ConceptNetworks, ConceptWires, concept_metrics
from ..pipelines.edit_metrics import EditNetworks, edit_metrics
from ..pipelines.metric_wires import by_prompt, masked, pictures_of, unmasked
from ..pipelines.reporter import Reporter
from ..pipelines.scoring_sheet import write_scoring_sheet
from .schema import CATEGORY, Node, address, schema


def _file(widget: str, tooltip: str, optional: bool = False) -> io.Input:
    """A combo of files that measure; without any, its scores are left out."""
    return io.Combo.Input(widget, options=metric_models.names(widget), tooltip=tooltip, optional=optional)


def _clip_model() -> io.Input:
    return _file(
        "clip_model",
        "A CLIP in models/clip_vision: a Hugging Face folder such as clip-vit-large-patch14, or its model.safetensors."
        " none leaves CLIP's scores out.",
    )


def _lpips_model() -> io.Input:
    return _file(
        "lpips_model",
        "A file in models/lpips: a saved lpips.LPIPS, or torchvision's VGG16 or AlexNet if the package lpips is"
        " installed. none leaves its score out.",
        optional=True,
    )


def _report_and_chart() -> list[io.Output]:
    return [
        io.String.Output(
            "report",
            display_name="report",
            tooltip="The scores in words, and after an empty line as JSON. Connect it to Preview Any.",
        ),
        io.Image.Output("chart", display_name="chart", tooltip="The scores as bars, with a dot for each picture."),
    ]


def _first(value: Any) -> Any:
    """Of an input of a node that takes whole lists."""
    return value[0] if isinstance(value, list) else value


class _Measures(Node):
    """What nodes with combos of measuring files share."""

    @classmethod
    def validate_inputs(
        cls, clip_model: Any = None, dino_model: Any = None, lpips_model: Any = None, aesthetic_model: Any = None
    ) -> bool:
        """Leaves the files to `execute`, which says which one is missing."""
        return True

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> str:
        """The files' content decides too whether the node runs again."""
        return metric_models.stamp(
            **{name: _first(value) for name, value in inputs.items() if name in metric_models.ALL}
        )


class ConceptMetrics(_Measures):
    """Scores of a concept's pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_ConceptMetrics",
            display_name="Concept Metrics",
            category=CATEGORY,
            search_aliases=["clip-i", "clip-t", "dino score", "lpips", "diversity", "benchmark", "esr", "evaluate"],
            has_intermediate_output=True,
            is_input_list=True,
            description=(
                "Scores a concept's pictures as SingleInsert's paper does: likeness of the subject and of the"
                " background (CLIP-I, DINO), how well prompts are followed (CLIP-T), and variety (DIV). It takes all"
                " pictures of a list of prompts at once. The model files are yours to choose; nothing is downloaded."
            ),
            inputs=[
                io.Image.Input("reference", tooltip="The picture that the concept was learned from."),
                io.Mask.Input("reference_mask", tooltip="The mask it was learned with. White is the subject."),
                io.Image.Input("images", tooltip="The pictures to score, in the order of their prompts."),
                io.Mask.Input(
                    "masks", tooltip="The subject in each of these pictures, for example from Mask from Prompt."
                ),
                io.String.Input(
                    "prompts",
                    default="",
                    multiline=True,
                    tooltip=(
                        "The prompts that the pictures were drawn with, one a line, or Editing Prompts' prompts. Each"
                        " has as many pictures as the others."
                    ),
                ),
                _clip_model(),
                _file(
                    "dino_model",
                    "A DINO or DINOv2 in models/clip_vision: a Hugging Face folder such as dino-vits16, or its"
                    " model.safetensors. none leaves DINO's scores out.",
                ),
                _lpips_model(),
                io.String.Input(
                    "goals",
                    optional=True,
                    default="",
                    multiline=True,
                    tooltip=(
                        "What the pictures of each prompt must show, a line for each prompt, or Editing Prompts'"
                        " goals. With it CLIP estimates the editing success rate."
                    ),
                ),
            ],
            outputs=_report_and_chart(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        reference: list[Any],
        reference_mask: list[Any],
        images: list[Any],
        masks: list[Any],
        prompts: list[str],
        clip_model: list[str],
        dino_model: list[str],
        lpips_model: list[str] | None = None,
        goals: list[str] | None = None,
    ) -> io.NodeOutput:
        references = masked("reference", pictures_of("reference", reference), "reference_mask", reference_mask)
        pictures = masked("images", pictures_of("images", images), "masks", masks)
        wires = ConceptWires(
            references=references, sets=by_prompt(pictures, [len(batch) for batch in images], prompts, goals or [])
        )
        networks = ConceptNetworks(
            clip_model=clip_model[0], dino_model=dino_model[0], lpips_model=(lpips_model or [metric_models.NONE])[0]
        )
        result = concept_metrics(wires, networks, Reporter(address=address(cls), text=True))
        return io.NodeOutput(result.report, result.chart, ui=ui.PreviewImage(result.chart, cls=cls))


class EditMetrics(_Measures):
    """Scores of edited pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_EditMetrics",
            display_name="Edit Metrics",
            category=CATEGORY,
            search_aliases=["lpips", "clip score", "clip-t", "aesthetic score", "benchmark", "evaluate"],
            has_intermediate_output=True,
            description=(
                "Scores edited pictures as the editing paper does: how well they follow the target prompt (CLIP-T), how"
                " much they differ from their source (LPIPS), and how much people would like them (LAION's aesthetic"
                " score). The model files are yours to choose; nothing is downloaded."
            ),
            inputs=[
                io.Image.Input("source", tooltip="The picture before the edit: one for all, or one for each."),
                io.Image.Input("edited", tooltip="The pictures to score, such as Edit Grid's images."),
                io.String.Input(
                    "target_prompt",
                    default="",
                    multiline=True,
                    tooltip="What the edit should show: one prompt for all, or a line for each picture.",
                ),
                _clip_model(),
                _lpips_model(),
                _file(
                    "aesthetic_model",
                    "LAION's linear layers in models/aesthetic, for the CLIP ViT-L/14. none leaves its score out.",
                    optional=True,
                ),
            ],
            outputs=_report_and_chart(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        source: Any,
        edited: Any,
        target_prompt: str,
        clip_model: str,
        lpips_model: str = metric_models.NONE,
        aesthetic_model: str = metric_models.NONE,
    ) -> io.NodeOutput:
        networks = EditNetworks(clip_model=clip_model, lpips_model=lpips_model, aesthetic_model=aesthetic_model)
        sources, pictures = pictures_of("source", [source]), pictures_of("edited", [edited])
        result = edit_metrics(sources, pictures, target_prompt, networks, Reporter(address=address(cls), text=True))
        return io.NodeOutput(result.report, result.chart, ui=ui.PreviewImage(result.chart, cls=cls))


class ScoringSheet(Node):
    """A page on which a person judges pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_ScoringSheet",
            display_name="Scoring Sheet (ESR)",
            category=CATEGORY,
            search_aliases=["esr", "editing success rate", "human evaluation", "user study", "html", "csv"],
            is_output_node=True,
            is_input_list=True,
            description=(
                "Saves a page on which you judge pictures by their prompts: open the file in any browser, tick what"
                " each picture shows with the number keys, and read the editing success rate. It can be saved as CSV."
            ),
            inputs=[
                io.Image.Input("images", tooltip="The pictures to judge, in the order of their prompts."),
                io.String.Input(
                    "prompts",
                    default="",
                    multiline=True,
                    tooltip=(
                        "The prompts that the pictures were drawn with, one a line, or Editing Prompts' prompts. Each"
                        " has as many pictures as the others."
                    ),
                ),
                io.String.Input(
                    "goals",
                    default="",
                    multiline=True,
                    tooltip=(
                        "What the pictures of each prompt must show, a line for each prompt with semicolons between"
                        " goals, or Editing Prompts' goals. If empty, each prompt is one goal."
                    ),
                ),
                io.String.Input(
                    "filename_prefix",
                    default="scoring_sheet",
                    tooltip="The beginning of the file's name in the output folder, as Save Image has it.",
                ),
                io.Image.Input(
                    "reference", optional=True, tooltip="The picture that was learned from, shown beside the others."
                ),
            ],
            outputs=[
                io.String.Output(
                    "saved_as", display_name="saved_as", tooltip="Where the page was saved. Connect it to Preview Any."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        images: list[Any],
        prompts: list[str],
        goals: list[str],
        filename_prefix: list[str],
        reference: list[Any] | None = None,
    ) -> io.NodeOutput:
        pictures = unmasked(pictures_of("images", images))
        sets = by_prompt(pictures, [len(batch) for batch in images], prompts, goals)
        shown = pictures_of("reference", reference)[0] if reference else None
        path = shown_path(write_scoring_sheet(sets, filename_prefix[0], shown))
        return io.NodeOutput(path, ui={"text": [path]})
