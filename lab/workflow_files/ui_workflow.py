"""Both forms of a described workflow's file: the one that the page saves, and the API form that the host runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from ..hosting.client import Prompt
from .object_info import Info, has_control, is_widget, optional_inputs, specs
from .sheet import NOTE, Node, Sheet

GROUP_COLOR, NOTE_COLOR, NOTE_BACKGROUND = "#3f789e", "#432", "#653"
OURS = "single_image_studio"  # tells web/workflow_texts.js that it may translate the texts, which stay as they are here
SCALE, VIEW = 0.6, [150, 170]  # of the first view: the top left node clear of the page's menus
# the root of all ids that are made here: the same name gives the same id
UUIDS = uuid.UUID("6f0cf5f6-8d0f-4f1b-9a61-6a5f3a7b7d10")


def to_ui(sheet: Sheet) -> dict[str, Any]:
    """The workflow as the page saves it, but without an `id`: the page gives each graph that it opens a new one, and by
    it the live view and the grid know whose results they show."""
    links = list(links_of(sheet.nodes))
    return {
        "revision": 0,
        "last_node_id": max(node.id for node in sheet.nodes),
        "last_link_id": len(links),
        "nodes": [ui_node(node, order, links, sheet.info) for order, node in enumerate(sheet.nodes)],
        "links": [
            [number, origin.id, slot, target.id, place, kind] for number, origin, slot, target, place, _, kind in links
        ],
        "groups": ui_groups(sheet),
        "config": {},
        "extra": {
            "ds": {"scale": SCALE, "offset": VIEW},
            "linearData": linear_data(sheet),
            OURS: {"workflow": sheet.name},
        },
        "version": 0.4,
    }


def linear_data(sheet: Sheet) -> dict[str, Any]:
    """The workflow as a form, for frontends that have an app mode (1.41.13 and later): which widgets and pictures."""
    return {"inputs": [[node.id, name] for node, name in sheet.asked], "outputs": [node.id for node in sheet.answers]}


def ui_groups(sheet: Sheet) -> list[dict[str, Any]]:
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
        for number, (group, bounds) in enumerate(sheet.groups, 1)
    ]


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
        if entry["name"] in node.labels:
            entry["label"] = node.labels[entry["name"]]
    optional = set() if node.type == NOTE else optional_inputs(info, node.type)
    for entry in inputs:
        if entry["name"] in optional:
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
