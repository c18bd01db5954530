"""The list of nodes that the host registers."""

from __future__ import annotations

from comfy_api.v0_0_2 import ComfyExtension, io

from ..host import folders, model_files
from ..page import concept_changes, concept_list, live, provenance, warnings
from .concepts import ApplyConcept, LoadConcept, SaveConcept
from .edit import EditGrid, TimestepAwareConditioning, TimestepAwareKSampler
from .heatmaps import WordHeatmaps
from .inversions import LoadInversion, SaveInversion
from .invert import ImagicTextOptimize, NullTextInvert
from .judging import EditingPrompts
from .masks import MaskFromPrompt
from .measuring import ConceptMetrics, EditMetrics, ScoringSheet
from .train import TrainStage1, TrainStage2


class SingleImageStudio(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        folders.register()
        model_files.register()
        live.register()
        concept_list.register()
        concept_changes.register()
        provenance.register()
        warnings.register()
        return [
            TrainStage1,
            TrainStage2,
            SaveConcept,
            LoadConcept,
            ApplyConcept,
            ImagicTextOptimize,
            NullTextInvert,
            TimestepAwareKSampler,
            TimestepAwareConditioning,
            SaveInversion,
            LoadInversion,
            EditGrid,
            EditingPrompts,
            MaskFromPrompt,
            ConceptMetrics,
            EditMetrics,
            ScoringSheet,
            WordHeatmaps,
        ]
