"""How large the page draws nodes and notes, in its pixels."""

from __future__ import annotations

from .object_info import Spec, has_control, is_widget, options_of

# The rows are those of the Vue renderer, the taller of the two.
TITLE, ROW, WIDGET_ROW, TEXT_BOX, PICTURE, WIDTH = 30, 26, 36, 110, 320, 320
GAP, GROUP_TITLE, GROUP_PADDING, GROUP_GAP = 40, 50, 24, 60
SHOWS_PICTURES = ("LoadImage", "LoadImageMask", "MaskPreview", "SaveImage", "PreviewImage")
# what the page shows below a node's widgets besides a picture: text, or the pack's own live view, concept picker and
# grid
SHOWS = {
    "PreviewAny": 190,
    "SIS_SaveConcept": 60,
    "SIS_SaveInversion": 60,
    "SIS_LoadConcept": 70,
    "SIS_TrainStage1": 550,
    "SIS_TrainStage2": 235,
    "SIS_ImagicTextOptimize": 235,
    "SIS_NullTextInvert": 235,
    "SIS_EditGrid": 345,
    "SIS_MaskFromPrompt": 370,
    "SIS_WordHeatmaps": 370,
    "SIS_ConceptMetrics": 370,
    "SIS_EditMetrics": 370,
}
# below a node that grows by its preview while it runs
ROOM = {"SIS_TimestepAwareKSampler": 450}
# pixels, of a whole note, of a line in it and between its paragraphs
NOTE_MARGINS, NOTE_LINE, NOTE_PARAGRAPH = 50, 21, 10
NOTE_LETTERS = {"#": 26, "1": 31, "": 37}  # how many fit in a line of a heading, a list, or plain text of `WIDTH`


def node_height(class_type: str, inputs: dict[str, Spec], outputs: int) -> int:
    """A node's, with what it shows below its widgets. inputs: as `specs` gives them; outputs: their number."""
    widgets = {name: spec for name, spec in inputs.items() if is_widget(spec)}
    boxes = sum(bool(options_of(spec).get("multiline")) for spec in widgets.values())
    uploads = sum(bool(options_of(spec).get("image_upload")) for spec in widgets.values())
    controls = sum(has_control(name, spec) for name, spec in widgets.items())
    rows = len(widgets) - boxes + controls + uploads
    height = ROW * max(len(inputs) - len(widgets), outputs) + WIDGET_ROW * rows + TEXT_BOX * boxes + 20
    return height + (PICTURE if class_type in SHOWS_PICTURES else 0) + SHOWS.get(class_type, 0)


def note_height(text: str) -> int:
    """A note's, as tall as its text in Markdown."""
    paragraphs = [line for line in text.splitlines() if line]
    lines = sum(-(-len(line) // NOTE_LETTERS[_kind(line)]) for line in paragraphs)
    return NOTE_MARGINS + lines * NOTE_LINE + len(paragraphs) * NOTE_PARAGRAPH


def _kind(line: str) -> str:
    return "#" if line[0] == "#" else "1" if line[0].isdigit() else ""
