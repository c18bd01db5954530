"""Graphs in the page's form, nodes put on it, and a measure of legibility."""

from __future__ import annotations

from typing import Any

from .frontend import Frontend
from .graphs import Graph, node

PLACE = """([type, x, y]) => {
  const node = LiteGraph.createNode(type);
  node.pos = [x, y];
  window.app.canvas.graph.add(node);
  return String(node.id);
}"""


def numbered(graph: Graph) -> tuple[Graph, dict[str, str]]:
    """The same graph with numbers for ids, which the page wants, and the number of each old id; titles keep the old
    ids."""
    ids = {old: str(number) for number, old in enumerate(graph, start=1)}

    def moved(value: Any) -> Any:
        return [ids[value[0]], value[1]] if isinstance(value, list) else value

    made = {
        ids[old]: (
            entry | {"inputs": {name: moved(value) for name, value in entry["inputs"].items()}, "_meta": {"title": old}}
        )
        for old, entry in graph.items()
    }
    return made, ids


def loading(name: str) -> Graph:
    """Load Concept on the demo model, with its phrase shown."""
    on = {"model": ["1", 0], "clip": ["1", 1]}
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sis_demo_sd15.safetensors"),
        "2": node("SIS_LoadConcept", **on, concept_name=name, strength_model=1.0, strength_clip=0.5),
        "3": node("PreviewAny", source=["2", 2]),
    }


def place(page: Frontend, kind: str, at: tuple[int, int] = (200, 150)) -> str:
    """Puts a new node on the canvas, as the library does."""
    name: str = page.page.evaluate(PLACE, [kind, *at])
    page.settle()
    page.frame()
    return name


# Texts below `where` with less contrast than 4.5 to 1 (WCAG 2.2 AA) against the nearest opaque ground, as sentences.
FAINT = """(where) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const weigh = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const luminance = (colour) => weigh(colour.map((value) => linear(value / 255)));
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelector(where).querySelectorAll("*")) {
    const ownText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!ownText || element.closest("[aria-hidden=true], .sis-unseen")) continue;
    const colours = [rgba(getComputedStyle(element).color), ground(element)];
    const [light, dark] = colours.map(luminance).sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faint.push(`${element.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
