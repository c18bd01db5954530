"""Builds subgraph blueprints: a whole sheet as one node, which the page lists under Subgraph Blueprints."""

from __future__ import annotations

import uuid
from typing import Any

from .object_info import Info, is_widget, specs, type_of
from .page_sizes import GROUP_PADDING, TITLE, WIDTH
from .sheet import Node, Output, Sheet
from .ui_workflow import UUIDS, Link, links_of, ui_groups, ui_node

INPUT_ID, OUTPUT_ID = -10, -20  # the page's own ids of a subgraph's two edges
EDGE_WIDTH, SLOT = 120, 20


class Blueprint(Sheet):
    """A sheet with inputs and outputs of its own."""

    def __init__(self, name: str, description: str, info: Info, version: str, hosts_version: str) -> None:
        super().__init__(name, info, version, hosts_version)
        self.description = description
        self.given = Node(id=INPUT_ID, type="input", title="", size=(EDGE_WIDTH, 0))
        self.results = Node(id=OUTPUT_ID, type="output", title="", size=(EDGE_WIDTH, 0))
        self.shown: dict[str, Any] = {}

    def input(self, name: str, kind: str) -> Output:
        """A socket of the finished node."""
        self.given.outputs.append((name, kind))
        return self.given[name]

    def widget(self, name: str, node: Node, inner: str, value: Any = None) -> None:
        """Shows an inner node's widget on the finished node, under a name of its own."""
        spec = specs(self.info, node.type)[inner]
        assert is_widget(spec), inner
        node.links[inner] = self.input(name, type_of(spec))
        if value is not None:
            node.values[inner] = value
        self.shown[name] = node.values[inner]

    def output(self, name: str, origin: Output) -> None:
        """A socket of the finished node that an inner output comes out of."""
        self.results.sockets.append((name, origin.type))
        self.results.links[name] = origin

    def size(self) -> tuple[int, int]:
        """The finished node's."""
        sockets = len(self.given.outputs) - len(self.shown)
        return WIDTH, 26 * max(sockets, len(self.results.sockets)) + 36 * len(self.shown) + 20


def to_blueprint(sheet: Blueprint) -> dict[str, Any]:
    """The blueprint as the page saves one: a workflow of a single node, and what it is made of."""
    links = list(links_of([*sheet.nodes, sheet.results]))
    one = str(uuid.uuid5(UUIDS, f"subgraph {sheet.name}"))
    node = {
        "id": 1,
        "type": one,
        "pos": [0, TITLE],
        "size": list(sheet.size()),
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [
            {"name": name, "type": kind, "link": None} | ({"widget": {"name": name}} if name in sheet.shown else {})
            for name, kind in sheet.given.outputs
        ],
        "outputs": [{"name": name, "type": kind, "links": []} for name, kind in sheet.results.sockets],
        "title": sheet.name,
        "properties": {"cnr_id": "single-image-studio", "ver": sheet.versions["single-image-studio"]},
        "widgets_values": list(sheet.shown.values()),
    }
    return {
        "id": str(uuid.uuid5(UUIDS, f"blueprint {sheet.name}")),
        "revision": 0,
        "last_node_id": 1,
        "last_link_id": 0,
        "nodes": [node],
        "links": [],
        "groups": [],
        "definitions": {"subgraphs": [_definition(sheet, one, links)]},
        "config": {},
        "extra": {"BlueprintDescription": sheet.description},
        "version": 0.4,
    }


def _definition(sheet: Blueprint, one: str, links: list[Link]) -> dict[str, Any]:
    right = max(x + width for _, (x, _, width, _) in sheet.groups)
    left = -EDGE_WIDTH - 2 * GROUP_PADDING
    return {
        "id": one,
        "version": 1,
        "revision": 0,
        "config": {},
        "name": sheet.name,
        "state": {
            "lastGroupId": len(sheet.groups),
            "lastNodeId": max(node.id for node in sheet.nodes),
            "lastLinkId": len(links),
            "lastRerouteId": 0,
        },
        "inputNode": _edge(INPUT_ID, left, len(sheet.given.outputs)),
        "outputNode": _edge(OUTPUT_ID, right + 2 * GROUP_PADDING, len(sheet.results.sockets)),
        "inputs": [
            _slot(one, "input", name, kind, [link[0] for link in links if link[1] is sheet.given and link[2] == place])
            for place, (name, kind) in enumerate(sheet.given.outputs)
        ],
        "outputs": [
            _slot(
                one, "output", name, kind, [link[0] for link in links if link[3] is sheet.results and link[5] == name]
            )
            for name, kind in sheet.results.sockets
        ],
        "widgets": [],
        "nodes": [ui_node(node, order, links, sheet.info) for order, node in enumerate(sheet.nodes)],
        "groups": ui_groups(sheet),
        "links": [
            {
                "id": number,
                "origin_id": origin.id,
                "origin_slot": slot,
                "target_id": target.id,
                "target_slot": place,
                "type": kind,
            }
            for number, origin, slot, target, place, _, kind in links
        ],
        "extra": {},
    }


def _edge(id: int, x: int, slots: int) -> dict[str, Any]:
    return {"id": id, "bounding": [x, 0, EDGE_WIDTH, 2 * SLOT + SLOT * slots]}


def _slot(one: str, side: str, name: str, kind: str, links: list[int]) -> dict[str, Any]:
    return {"id": str(uuid.uuid5(UUIDS, f"{one} {side} {name}")), "name": name, "type": kind, "linkIds": links}
