"""The tables of detectors and segmenters. To add a family, write its module and name it here."""

from __future__ import annotations

from .catalogue import DETECTOR_FOLDER, SEGMENTER_FOLDER
from .family import FamilyTable
from .grounding_dino import GROUNDING_DINO, MM_GROUNDING_DINO
from .interfaces import Detector, Segmenter
from .owl import OWL_VIT, OWLV2
from .sam import SAM
from .sam2 import SAM2_FAMILIES
from .sam_hq import SAM_HQ

DETECTORS: FamilyTable[Detector] = FamilyTable(
    "detector", DETECTOR_FOLDER, (GROUNDING_DINO, MM_GROUNDING_DINO, OWLV2, OWL_VIT)
)
SEGMENTERS: FamilyTable[Segmenter] = FamilyTable("segmenter", SEGMENTER_FOLDER, (SAM, SAM_HQ, *SAM2_FAMILIES))
