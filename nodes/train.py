"""SingleInsert's two training nodes."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io, ui

from ..concept.data import Concept
from ..concept.encoders import ENCODER_KINDS
from ..concept.settings import CLASS_TEXT_ENCODERS, DRAWN, LORA_BASES, Stage1Settings, Stage2Settings
from ..diffusion.pace import RATE_SCHEDULES
from ..host.progress import courtesy
from ..pipelines.learn_concept import Checkpoint, learn_concept, subject_picture, tune_concept
from ..pipelines.reporter import Reporter
from ..support.checks import CHECKPOINTING
from .schema import (
    CATEGORY,
    RESUMABLE,
    ConceptSocket,
    LoraSocket,
    LossSocket,
    Node,
    address,
    advanced,
    made_by_wires,
    precision_input,
    resume_input,
    schema,
    seed_input,
)


def _shared_inputs(seed_tooltip: str) -> list[io.Input]:
    return [
        seed_input(seed_tooltip),
        precision_input("choose fp32 if the loss becomes NaN."),
        advanced(
            io.Combo.Input(
                "gradient_checkpointing",
                options=list(CHECKPOINTING),
                default="auto",
                tooltip=(
                    "Saves memory by computing some parts twice. auto turns it on only when memory runs short; the"
                    " result is the same up to rounding."
                ),
            )
        ),
        advanced(
            io.Int.Input(
                "preview_every",
                default=0,
                min=0,
                max=1000,
                tooltip="Number of steps between rough preview pictures. 0 shows none.",
            )
        ),
    ]


def _training_prompts() -> io.Input:
    return advanced(
        io.String.Input(
            "training_prompts",
            optional=True,
            default="",
            multiline=True,
            tooltip=(
                "Prompts to learn in, one a line, with * for the phrase: * on a beach. Each step takes one. Meant"
                " to leave other things in a prompt alone; beside keep_apart it cost likeness on the demo model. Paper:"
                " empty, the phrase alone."
            ),
        )
    )


def _pace() -> list[io.Input]:
    return [
        advanced(
            io.Combo.Input(
                "timesteps",
                optional=True,
                options=list(DRAWN),
                default="uniform",
                tooltip=(
                    "Which noise levels a step sees. stratified spreads them evenly within each batch, so that steps"
                    " differ less. Paper: uniform."
                ),
            )
        ),
        advanced(
            io.Combo.Input(
                "rate_schedule",
                optional=True,
                options=list(RATE_SCHEDULES),
                default="constant",
                tooltip=(
                    "How `learning_rate` goes on. cosine falls to 0 by the last step, so begin with twice the rate;"
                    " quicker training is in docs/tuning.md. Paper: constant."
                ),
            )
        ),
    ]


def _resume() -> io.Input:
    return resume_input(
        "Goes on where the same training was cancelled or killed, or from its end to more `steps` (with a constant"
        " rate). The result is the same to the bit. Off: trains anew and keeps nothing."
    )


class TrainStage1(Node):
    """Stage I, the inversion stage: learns one word for the subject; the model is not changed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_TrainStage1",
            display_name="SingleInsert Train Stage I",
            category=CATEGORY,
            search_aliases=["singleinsert", "textual inversion", "learn concept", "train embedding"],
            has_intermediate_output=True,  # hosts that know it send the picture again when the result is reused
            description=(
                "Learns a new word for the subject of one picture. The model itself is not changed. Use the concept as"
                " it is with Apply Concept, or pass it to Stage II for a closer likeness."
            ),
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip=(
                        "An SD 1.4 or 1.5 checkpoint, or any finetune of one. The best choice is the one you will"
                        " generate pictures with."
                    ),
                ),
                io.Clip.Input("clip", tooltip="The same checkpoint's CLIP."),
                io.Vae.Input("vae", tooltip="The same checkpoint's VAE."),
                io.Image.Input(
                    "image",
                    tooltip=(
                        "One picture that shows the subject well. If it is not square, it is cropped around the"
                        " subject."
                    ),
                ),
                io.Mask.Input(
                    "mask",
                    tooltip=(
                        "White where the subject is. Everything outside is not learned, so your prompts can change it."
                    ),
                ),
                io.String.Input(
                    "class_word",
                    default="face",
                    tooltip=(
                        "What kind of thing the subject is, in one or two words: face, dog, teapot. In prompts you"
                        " write it after the concept's name."
                    ),
                ),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=10000,
                    tooltip=(
                        "Number of training steps. Paper: 50. `encoder` none needs more. With too many, the subject"
                        " always keeps the pose of this picture."
                    ),
                ),
                io.Int.Input(
                    "batch_size",
                    default=16,
                    min=1,
                    max=256,
                    tooltip=(
                        "Samples per step. Paper: 16. If memory runs short, the batch is split automatically; the"
                        " result is the same up to rounding."
                    ),
                ),
                io.Float.Input(
                    "learning_rate",
                    default=1e-4,
                    min=0.0,
                    max=1.0,
                    step=1e-6,
                    round=False,
                    tooltip=(
                        "How large each step is. 0.0001 suits the two image encoders; `encoder` none needs about 0.005."
                    ),
                ),
                io.Float.Input(
                    "background_weight",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    tooltip=(
                        "Gamma in the paper. Raise it if the picture's own background shows up in new pictures; lower"
                        " it if the likeness is weak."
                    ),
                ),
                io.Combo.Input(
                    "encoder",
                    options=list(ENCODER_KINDS),
                    default="vit_b32",
                    tooltip=(
                        "What finds the word. Paper: vit_b32 (88 M parameters). cnn is lighter (11.6 M). none trains"
                        " the word directly and needs more steps."
                    ),
                ),
                *_shared_inputs("Fixes every random choice: the same seed gives the same concept."),
                advanced(
                    io.Int.Input(
                        "resolution",
                        optional=True,
                        default=512,
                        min=64,
                        max=2048,
                        step=64,
                        tooltip=(
                            "Pictures larger than this are scaled down before training; smaller ones stay as they are."
                            " SD 1.5 was made for 512."
                        ),
                    )
                ),
                _training_prompts(),
                *_pace(),
                _resume(),
            ],
            outputs=[
                ConceptSocket.Output(
                    "concept",
                    display_name="concept",
                    tooltip=(
                        "The learned concept with its picture and mask. Connect it to Stage II, Save Concept or Apply"
                        " Concept."
                    ),
                ),
                LossSocket.Output("loss", display_name="loss", tooltip="The loss at each step, for Plot Loss Graph."),
            ],
            hidden=RESUMABLE,
        )

    @classmethod
    def execute(
        cls, model: Any, clip: Any, vae: Any, image: Any, mask: Any, resume: bool = True, **settings: Any
    ) -> io.NodeOutput:
        chosen, origin = Stage1Settings(**settings), made_by_wires(cls, resume, "model", "clip", "vae")
        with Reporter("stage1", address(cls)) as reporter:
            concept = learn_concept(Checkpoint(model, clip, vae), image, mask, chosen, reporter, origin)
        shown = reporter.ui()
        if not chosen.preview_every:  # the Vue renderer would show the last preview in its place, and so twice
            with courtesy("The subject"):
                shown |= ui.PreviewImage(subject_picture(concept), cls=cls).as_dict()
        return io.NodeOutput(concept, concept.losses["stage1"], ui=shown)


class TrainStage2(Node):
    """Stage II, the finetuning stage: a small LoRA for a closer likeness."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_TrainStage2",
            display_name="SingleInsert Train Stage II",
            category=CATEGORY,
            search_aliases=["singleinsert", "dreambooth", "train lora", "finetune"],
            description=(
                "Improves the likeness of a concept from Stage I by training a small LoRA on the model and its text"
                " encoder. The picture, mask and class word come with the concept."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The MODEL that Stage I was trained on, without the concept applied."),
                io.Clip.Input("clip", tooltip="The same checkpoint's CLIP."),
                io.Vae.Input("vae", tooltip="The same checkpoint's VAE."),
                ConceptSocket.Input(
                    "concept", tooltip="A concept from Stage I or Load Concept. One from Stage II is trained further."
                ),
                io.Int.Input(
                    "steps",
                    default=100,
                    min=1,
                    max=10000,
                    tooltip=(
                        "Number of training steps. Paper: 100. With fewer, prompts can change more; with more, the"
                        " likeness is closer."
                    ),
                ),
                io.Int.Input(
                    "batch_size",
                    default=4,
                    min=1,
                    max=256,
                    tooltip=(
                        "Samples per step. Paper: 4. If memory runs short, the batch is split automatically; the result"
                        " is the same up to rounding."
                    ),
                ),
                io.Float.Input(
                    "learning_rate",
                    default=5e-5,
                    min=0.0,
                    max=1.0,
                    step=1e-6,
                    round=False,
                    tooltip="How large each step is. Paper: 0.00005.",
                ),
                io.Float.Input(
                    "background_weight",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    tooltip="Gamma in the paper. Raise it if the picture's own background shows up in new pictures.",
                ),
                io.Float.Input(
                    "semantic_weight",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    tooltip=(
                        "Eta in the paper. Keeps the class word's own meaning. Raise it if every face (or dog, …)"
                        " begins to look like the subject."
                    ),
                ),
                io.Int.Input(
                    "rank",
                    default=4,
                    min=1,
                    max=128,
                    tooltip="The size of the LoRA. Paper: 4, which is enough for most subjects.",
                ),
                io.Boolean.Input(
                    "train_text_encoder",
                    default=True,
                    tooltip=(
                        "Trains the text encoder too, as in the paper. Off leaves the meaning of prompts unchanged."
                    ),
                ),
                *_shared_inputs(
                    "Fixes every random choice, including the LoRA's starting values: the same seed gives the same"
                    " concept."
                ),
                advanced(
                    io.Combo.Input(
                        "class_text_encoder",
                        optional=True,
                        options=list(CLASS_TEXT_ENCODERS),
                        default="tuned",
                        tooltip=(
                            "Which text encoder reads the class word when the frozen model computes the target. Paper:"
                            " tuned. frozen keeps the class word closer to its own meaning."
                        ),
                    )
                ),
                _training_prompts(),
                advanced(
                    io.Combo.Input(
                        "lora_basis",
                        optional=True,
                        options=list(LORA_BASES),
                        default="trained",
                        tooltip=(
                            "orthogonal fixes half of the LoRA in directions of its own, meant for several concepts in"
                            " one picture; beside keep_apart it cost likeness on the demo model. Paper: trained."
                        ),
                    )
                ),
                *_pace(),
                _resume(),
            ],
            outputs=[
                ConceptSocket.Output(
                    "tuned_concept",
                    display_name="concept",
                    tooltip="The concept with its LoRA. Connect it to Save Concept or Apply Concept.",
                ),
                LossSocket.Output("loss", display_name="loss", tooltip="The loss at each step, for Plot Loss Graph."),
                LoraSocket.Output("lora", display_name="lora", tooltip="The LoRA alone, for nodes that take a LoRA."),
            ],
            hidden=RESUMABLE,
        )

    @classmethod
    def execute(
        cls, model: Any, clip: Any, vae: Any, concept: Concept, resume: bool = True, **settings: Any
    ) -> io.NodeOutput:
        chosen, origin = Stage2Settings(**settings), made_by_wires(cls, resume, "model", "clip", "vae")
        with Reporter("stage2", address(cls)) as reporter:
            tuned = tune_concept(Checkpoint(model, clip, vae), concept, chosen, reporter, origin)
        return io.NodeOutput(tuned, tuned.losses["stage2"], tuned.lora, ui=reporter.ui())
