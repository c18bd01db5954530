"""Builds workflows in the page's own format from a compact description, and derives their API form.

A `Sheet` is filled with nodes, whose inputs are values or other nodes' outputs, and laid out in groups of columns;
positions, sizes and links follow from the host's /object_info. Since both forms come from one description they cannot
drift apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import DevError
from ..hosting.client import Prompt

Info = dict[str, Any]  # the host's /object_info
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
SEEDS = ("seed", "noise_seed")  # the page gives inputs of these names a second widget, "control after generate"
NOTE = "MarkdownNote"

# Pixels of the page. The rows are those of the Vue renderer, the taller of the two.
TITLE, ROW, WIDGET_ROW, TEXT_BOX, PICTURE, WIDTH = 30, 26, 36, 110, 320, 320
GAP, GROUP_TITLE, GROUP_PADDING, GROUP_GAP = 40, 50, 24, 60
SHOWS_PICTURES = ("LoadImage", "LoadImageMask", "MaskPreview", "SaveImage", "PreviewImage")
# what the page shows below a node's widgets besides a picture: text, or the pack's own live view, concept picker and
# grid
SHOWS = {
    "PreviewAny": 190,
    "SIS_SaveConcept": 60,
    "SIS_LoadConcept": 70,
    "SIS_TrainStage1": 550,
    "SIS_TrainStage2": 235,
    "SIS_ImagicTextOptimize": 235,
    "SIS_NullTextInvert": 235,
    "SIS_EditGrid": 345,
    "SIS_MaskFromPrompt": 370,
}
# below a node that grows by its preview while it runs
ROOM = {"SIS_NullTextInvert": 370, "SIS_TimestepAwareKSampler": 450}
# pixels, of a whole note, of a line in it and between its paragraphs
NOTE_MARGINS, NOTE_LINE, NOTE_PARAGRAPH = 50, 21, 10
NOTE_LETTERS = {"#": 26, "1": 31, "": 37}  # how many fit in a line of a heading, a list, or plain text of `WIDTH`
GROUP_COLOR, NOTE_COLOR, NOTE_BACKGROUND = "#3f789e", "#432", "#653"
# the root of all ids that are made here: the same name gives the same id
UUIDS = uuid.UUID("6f0cf5f6-8d0f-4f1b-9a61-6a5f3a7b7d10")


@dataclass(frozen=True)
class Model:
    """A file that a node wants; the page offers to download those that are missing."""

    name: str
    url: str
    directory: str


@dataclass(frozen=True)
class Output:
    """One output of a node on the sheet."""

    node: Node
    slot: int

    @property
    def type(self) -> str:
        return str(self.node.outputs[self.slot][1])


@dataclass(eq=False)
class Node:
    """A node on a sheet. sockets, widgets: [(name, type)] in schema order; outputs: [(name, type)]; inputs: what the
    description gave."""

    id: int
    type: str
    title: str
    sockets: list[tuple[str, str]]
    widgets: list[tuple[str, str]]
    outputs: list[tuple[str, str]]
    values: dict[str, Any]
    links: dict[str, Output]
    size: tuple[int, int]
    properties: dict[str, Any] = field(default_factory=dict)
    control: str = "fixed"
    pos: tuple[int, int] = (0, 0)
    room: int = 0  # pixels below it that it needs once it has run

    def __getitem__(self, name: str) -> Output:
        """An output by its name.

        Raises: DevError when the node has none of that name.
        """
        names = [output for output, _ in self.outputs]
        if name not in names:
            raise DevError(f"{self.type} has no output {name!r}: it has {', '.join(names)}")
        return Output(self, names.index(name))


@dataclass
class Group:
    """Columns of nodes under one title."""

    title: str
    columns: Sequence[Sequence[Node]]


def is_widget(spec: Sequence[Any]) -> bool:
    """Whether /object_info's entry of an input is a widget on the page, not only a socket."""
    kind, options = spec[0], (spec[1] if len(spec) > 1 else {}) or {}
    return (isinstance(kind, list) or kind in WIDGETS) and not options.get("forceInput")


def specs(info: Info, class_type: str) -> dict[str, Sequence[Any]]:
    """A node's inputs in order: name to /object_info's entry.

    Raises: DevError when the host does not know the node.
    """
    if class_type not in info:
        raise DevError(f"the host has no node {class_type}: start it with the pack installed, or check the name")
    found = info[class_type]
    both = {**found["input"].get("required", {}), **found["input"].get("optional", {})}
    order = [name for kind in ("required", "optional") for name in found["input_order"].get(kind, [])]
    return {name: both[name] for name in order}


def type_of(spec: Sequence[Any]) -> str:
    return "COMBO" if isinstance(spec[0], list) else str(spec[0])


def default_of(spec: Sequence[Any], linked: bool = False) -> Any:
    """What the page shows in a fresh node's widget. A linked one's value is never used: it must not depend on this
    host's files."""
    options = (spec[1] if len(spec) > 1 else {}) or {}
    choices = spec[0] if isinstance(spec[0], list) else options.get("options", [])
    fallback = {
        "STRING": "",
        "BOOLEAN": False,
        "INT": 0,
        "FLOAT": 0.0,
        "COMBO": choices[0] if choices and not linked else "",
    }
    return options.get("default", fallback[type_of(spec)])


def has_control(name: str, spec: Sequence[Any]) -> bool:
    """Whether the page adds "control after generate" to this input."""
    options = (spec[1] if len(spec) > 1 else {}) or {}
    return type_of(spec) == "INT" and bool(options.get("control_after_generate", name in SEEDS))


class Sheet:
    """One workflow being described. name: its file's; version: the pack's."""

    def __init__(self, name: str, info: Info, version: str, hosts_version: str) -> None:
        self.name, self.info = name, info
        self.versions = {"comfy-core": hosts_version, "single-image-studio": version}
        self.nodes: list[Node] = []
        self.groups: list[tuple[Group, tuple[int, int, int, int]]] = []

    def node(
        self,
        class_type: str,
        title: str = "",
        id: int | None = None,
        models: Sequence[Model] = (),
        control: str = "fixed",
        **inputs: Any,
    ) -> Node:
        """Adds a node. Inputs are values, or outputs of other nodes; what is not named keeps its default.

        control: what the seed does after a run, where the node has one.
        Raises: DevError for a node that the host lacks, an input that the node lacks, or a socket without a link that
            it needs.
        """
        known = specs(self.info, class_type)
        if unknown := set(inputs) - set(known):
            raise DevError(f"{class_type} has no input {', '.join(sorted(unknown))}: it has {', '.join(known)}")
        links = {name: value for name, value in inputs.items() if isinstance(value, Output)}
        required = self.info[class_type]["input"].get("required", {})
        if bare := [name for name in required if not is_widget(known[name]) and name not in links]:
            raise DevError(f"{class_type} {title!r} needs a link to {', '.join(bare)}")
        widgets = [(name, type_of(spec)) for name, spec in known.items() if is_widget(spec)]
        sockets = [(name, type_of(spec)) for name, spec in known.items() if not is_widget(spec)]
        found = self.info[class_type]
        outputs = [
            (name, kind if isinstance(kind, str) else "COMBO")
            for name, kind in zip(found["output_name"], found["output"])
        ]
        values = {
            name: inputs[name] if name in inputs and name not in links else default_of(known[name], name in links)
            for name, _ in widgets
        }
        pack = "single-image-studio" if class_type.startswith("SIS_") else "comfy-core"
        properties: dict[str, Any] = {"cnr_id": pack, "ver": self.versions[pack], "Node name for S&R": class_type}
        if models:
            properties["models"] = [{"name": m.name, "url": m.url, "directory": m.directory} for m in models]
        added = Node(
            id or self._free_id(),
            class_type,
            title or found["display_name"] or class_type,
            sockets,
            widgets,
            outputs,
            values,
            links,
            (WIDTH, self._height(class_type, known, len(outputs))),
            properties,
            control,
            room=ROOM.get(class_type, 0),
        )
        self.nodes.append(added)
        return added

    def note(self, text: str, title: str = "Note") -> Node:
        """Adds a note in Markdown, as tall as its text.

        Raises: DevError for text that the page would not show: <tags>, and `code`, which the Vue renderer shows blue on
            blue.
        """
        if "<" in text or "`" in text:
            raise DevError(
                f"the note {title!r} holds a < or a backtick, which the page does not show as written: say it in words"
            )
        paragraphs = [line for line in text.splitlines() if line]
        lines = sum(
            -(-len(line) // NOTE_LETTERS["#" if line[0] == "#" else "1" if line[0].isdigit() else ""])
            for line in paragraphs
        )
        height = NOTE_MARGINS + lines * NOTE_LINE + len(paragraphs) * NOTE_PARAGRAPH
        added = Node(self._free_id(), NOTE, title, [], [("text", "STRING")], [], {"text": text}, {}, (WIDTH, height))
        self.nodes.append(added)
        return added

    def _free_id(self) -> int:
        return max((node.id for node in self.nodes), default=0) + 1

    @staticmethod
    def _height(class_type: str, known: dict[str, Sequence[Any]], outputs: int) -> int:
        widgets = {name: spec for name, spec in known.items() if is_widget(spec)}
        boxes = sum(bool(spec[1].get("multiline")) for spec in widgets.values() if len(spec) > 1 and spec[1])
        uploads = sum(bool(spec[1].get("image_upload")) for spec in widgets.values() if len(spec) > 1 and spec[1])
        controls = sum(has_control(name, spec) for name, spec in widgets.items())
        rows = len(widgets) - boxes + controls + uploads
        height = ROW * max(len(known) - len(widgets), outputs) + WIDGET_ROW * rows + TEXT_BOX * boxes + 20
        return height + (PICTURE if class_type in SHOWS_PICTURES else 0) + SHOWS.get(class_type, 0)

    def lay(self, *rows: Sequence[Group]) -> None:
        """Places groups side by side in rows, from the top left.

        Raises: DevError when a node is in no group, or in two.
        """
        y = 0
        for row in rows:
            x = bottom = 0
            for group in row:
                width, height = self._lay_group(group, x, y)
                x, bottom = x + width + GROUP_GAP, max(bottom, height)
            y += bottom + GROUP_GAP
        placed = [node for group, _ in self.groups for column in group.columns for node in column]
        if len(placed) != len(set(placed)) or set(placed) != set(self.nodes):
            raise DevError(
                f"{self.name}: every node must be in one group: check"
                f" {[n.title for n in self.nodes if placed.count(n) != 1]}"
            )

    def _lay_group(self, group: Group, x: int, y: int) -> tuple[int, int]:
        """Places one group's nodes. Returns its width and height."""
        across, bottom = x + GROUP_PADDING, y
        for column in group.columns:
            down = y + GROUP_TITLE
            for node in column:
                node.pos = (across, down + TITLE)
                down += TITLE + node.size[1] + node.room + GAP
            bottom = max(bottom, down - GAP)
            across += max(node.size[0] for node in column) + GAP
        width, height = across - GAP + GROUP_PADDING - x, bottom + GROUP_PADDING - y
        self.groups.append((group, (x, y, width, height)))
        return width, height

    def ui_groups(self) -> list[dict[str, Any]]:
        """The groups as the page saves them."""
        return [
            {
                "id": number,
                "title": group.title,
                "bounding": list(bounds),
                "color": GROUP_COLOR,
                "font_size": 24,
                "flags": {},
            }
            for number, (group, bounds) in enumerate(self.groups, 1)
        ]


def to_ui(sheet: Sheet) -> dict[str, Any]:
    """The workflow as the page saves it."""
    links = list(links_of(sheet.nodes))
    return {
        "id": str(uuid.uuid5(UUIDS, sheet.name)),
        "revision": 0,
        "last_node_id": max(node.id for node in sheet.nodes),
        "last_link_id": len(links),
        "nodes": [ui_node(node, order, links, sheet.info) for order, node in enumerate(sheet.nodes)],
        "links": [
            [number, origin.id, slot, target.id, place, kind] for number, origin, slot, target, place, _, kind in links
        ],
        "groups": sheet.ui_groups(),
        "config": {},
        "extra": {"ds": {"scale": 0.6, "offset": [60, 100]}},
        "version": 0.4,
    }


Link = tuple[int, Node, int, Node, int, str, str]


def links_of(nodes: Sequence[Node]) -> Iterator[Link]:
    """(number, origin, its slot, target, its slot, input's name, type). A target's slots are its sockets, then its
    widgets."""
    number = 0
    for target in nodes:
        for place, (name, _) in enumerate([*target.sockets, *target.widgets]):
            if name in target.links:
                number += 1
                origin = target.links[name]
                yield number, origin.node, origin.slot, target, place, name, origin.type


def ui_node(node: Node, order: int, links: Sequence[Link], info: Info) -> dict[str, Any]:
    """One node as the page saves it."""
    incoming = {link[5]: link[0] for link in links if link[3] is node}
    inputs: list[dict[str, Any]] = [
        {"name": name, "type": kind, "link": incoming.get(name)} for name, kind in node.sockets
    ]
    inputs += [
        {"name": name, "type": kind, "widget": {"name": name}, "link": incoming.get(name)}
        for name, kind in node.widgets
        if node.type != NOTE
    ]
    for entry in inputs:
        if entry["name"] in _optional(node, info):
            entry["shape"] = 7  # the page's ring, for sockets that may stay empty
    outputs = [
        {"name": name, "type": kind, "links": [link[0] for link in links if link[1] is node and link[2] == slot]}
        for slot, (name, kind) in enumerate(node.outputs)
    ]
    made: dict[str, Any] = {
        "id": node.id,
        "type": node.type,
        "pos": list(node.pos),
        "size": list(node.size),
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": inputs,
        "outputs": outputs,
        "title": node.title,
        "properties": node.properties,
        "widgets_values": widget_values(node, info),
    }
    if node.type == NOTE:
        made |= {"color": NOTE_COLOR, "bgcolor": NOTE_BACKGROUND}
    return made


def _optional(node: Node, info: Info) -> set[str]:
    return set() if node.type == NOTE else set(info[node.type]["input"].get("optional", {}))


def widget_values(node: Node, info: Info) -> list[Any]:
    """Values in the order of the page's widgets, with that of "control after generate" behind a seed's."""
    if node.type == NOTE:
        return [node.values["text"]]
    known, values = specs(info, node.type), []
    for name, _ in node.widgets:
        values.append(node.values[name])
        if has_control(name, known[name]):
            values.append(node.control)
    return values


def to_api(ui: dict[str, Any], info: Info) -> Prompt:
    """A workflow's API form from its saved form, as the page's Export (API) makes it. For nodes that run, without
    subgraphs."""
    origins = {number: [str(origin), slot] for number, origin, slot, *_ in ui["links"]}
    prompt: Prompt = {}
    for node in ui["nodes"]:
        if node["type"] == NOTE:
            continue
        known, values = specs(info, node["type"]), iter(node["widgets_values"])
        inputs: dict[str, Any] = {}
        for name, spec in known.items():
            if is_widget(spec):
                inputs[name] = next(values)
                if has_control(name, spec):
                    next(values)
        inputs |= {entry["name"]: origins[entry["link"]] for entry in node["inputs"] if entry["link"] is not None}
        prompt[str(node["id"])] = {
            "inputs": {name: inputs[name] for name in known if name in inputs},
            "class_type": node["type"],
            "_meta": {"title": node["title"]},
        }
    return prompt
