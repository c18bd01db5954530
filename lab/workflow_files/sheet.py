"""Describes a workflow compactly: nodes whose inputs are values or other nodes' outputs, in groups of columns.

Positions, sizes and links follow from the host's /object_info; `ui_workflow` makes both forms of the file from it, so
that they cannot drift apart.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import DevError
from .object_info import Info, Spec, default_of, is_widget, optional_inputs, outputs_of, specs, type_of
from .page_sizes import GAP, GROUP_GAP, GROUP_PADDING, GROUP_TITLE, ROOM, TITLE, WIDTH, node_height, note_height

NOTE = "MarkdownNote"
UNTOLD = {"text", "value"}  # widgets whose name does not tell in a form what they ask for: the node's title does


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


@dataclass(eq=False, kw_only=True)
class Node:
    """A node on a sheet.

    sockets, widgets, outputs: [(name, type)], in the schema's order. values: of the widgets. links: which output each
    linked input takes. labels: of widgets that are shown under another name. size, pos: pixels. control: what a seed
    does after a run. room: pixels below it that it needs once it has run.
    """

    id: int
    type: str
    title: str
    size: tuple[int, int]
    sockets: list[tuple[str, str]] = field(default_factory=list)
    widgets: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Output] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    control: str = "fixed"
    pos: tuple[int, int] = (0, 0)
    room: int = 0

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


class Sheet:
    """One workflow being described. name: its file's; version: the pack's."""

    def __init__(self, name: str, info: Info, version: str, hosts_version: str) -> None:
        self.name, self.info = name, info
        self.versions = {"comfy-core": hosts_version, "single-image-studio": version}
        self.nodes: list[Node] = []
        self.groups: list[tuple[Group, tuple[int, int, int, int]]] = []
        self.asked: list[tuple[Node, str]] = []
        self.answers: list[Node] = []

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
        Raises: DevError for a node that the host lacks, an input that the node lacks, or a socket that needs a link.
        """
        known = specs(self.info, class_type)
        links = {name: value for name, value in inputs.items() if isinstance(value, Output)}
        self._check(class_type, title, known, inputs)
        widgets = [(name, type_of(spec)) for name, spec in known.items() if is_widget(spec)]
        outputs = outputs_of(self.info, class_type)
        added = Node(
            id=id or self._free_id(),
            type=class_type,
            title=title or self.info[class_type]["display_name"] or class_type,
            sockets=[(name, type_of(spec)) for name, spec in known.items() if not is_widget(spec)],
            widgets=widgets,
            outputs=outputs,
            values={
                name: inputs[name] if name in inputs and name not in links else default_of(known[name], name in links)
                for name, _ in widgets
            },
            links=links,
            size=(WIDTH, node_height(class_type, known, len(outputs))),
            properties=self._properties(class_type, models),
            control=control,
            room=ROOM.get(class_type, 0),
        )
        self.nodes.append(added)
        return added

    def _check(self, class_type: str, title: str, known: dict[str, Spec], inputs: dict[str, Any]) -> None:
        if unknown := set(inputs) - set(known):
            raise DevError(f"{class_type} has no input {', '.join(sorted(unknown))}: it has {', '.join(known)}")
        needed = [name for name in known if not is_widget(known[name])]
        optional = optional_inputs(self.info, class_type)
        if bare := [n for n in needed if n not in optional and not isinstance(inputs.get(n), Output)]:
            raise DevError(f"{class_type} {title!r} needs a link to {', '.join(bare)}")

    def _properties(self, class_type: str, models: Sequence[Model]) -> dict[str, Any]:
        """What the page keeps of where a node comes from, and of the files that it wants."""
        pack = "single-image-studio" if class_type.startswith("SIS_") else "comfy-core"
        properties: dict[str, Any] = {"cnr_id": pack, "ver": self.versions[pack], "Node name for S&R": class_type}
        if models:
            properties["models"] = [{"name": m.name, "url": m.url, "directory": m.directory} for m in models]
        return properties

    def note(self, text: str, title: str = "Note") -> Node:
        """Adds a note in Markdown, as tall as its text.

        Raises: DevError for text that the page would not show: <tags>, and `code`, which the Vue renderer shows blue on
        blue.
        """
        if "<" in text or "`" in text:
            raise DevError(
                f"the note {title!r} holds a < or a backtick, which the page does not show as written: say it in words"
            )
        added = Node(
            id=self._free_id(),
            type=NOTE,
            title=title,
            widgets=[("text", "STRING")],
            values={"text": text},
            size=(WIDTH, note_height(text)),
        )
        self.nodes.append(added)
        return added

    def form(self, asked: Sequence[tuple[Node, str]], *answers: Node) -> None:
        """The workflow as a simple form: which widgets it asks for, in order, and which nodes' pictures it shows.

        Raises: DevError for a widget that a node lacks, or that gets its value from a link.
        """
        for node, name in asked:
            if name not in node.values or name in node.links:
                raise DevError(f"{node.title!r} has no widget {name!r} to ask for")
            if name in UNTOLD:
                node.labels[name] = node.title
        self.asked, self.answers = list(asked), list(answers)

    def override(self, overrides: Mapping[str, Mapping[str, Any]]) -> None:
        """Gives widgets other values, by node title, as `workflow.with_overrides` does in API form.

        Raises: DevError for a title that no node has, or a value that a node lacks or takes from a link.
        """
        for pattern, values in overrides.items():
            nodes = [node for node in self.nodes if fnmatch.fnmatchcase(node.title, pattern)]
            if not nodes:
                raise DevError(f"{self.name} has no node titled {pattern!r}: check the overrides")
            for node in nodes:
                if lacking := [name for name in values if name not in node.values or name in node.links]:
                    raise DevError(f"node {node.title!r} has no value {lacking[0]!r} to change: check the overrides")
                node.values |= values

    def _free_id(self) -> int:
        return max((node.id for node in self.nodes), default=0) + 1

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
