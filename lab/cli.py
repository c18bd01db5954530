"""The command line of `dev.py`."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence

from . import ROOT, DevError, checks
from .drawing import ready_workflows
from .hosting import server
from .hosting.base_folder import CHECKPOINT, furnish, need_demo_model
from .hosting.client import HostError
from .hosting.environment import Host, choose_host, compiling_apart
from .hosting.installation import say
from .jobs import edit, learn
from .learn_folder import command as learn_folder

DEMOS = {"learn": learn.run, "edit": edit.run}
DEFAULT_PORT = 8188


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--comfyui",
        metavar="PATH",
        help="use this ComfyUI instead of the project's own (also: COMFYUI_PATH); nothing is written there",
    )
    common.add_argument(
        "--python",
        metavar="PATH",
        help="the Python of that ComfyUI (also: COMFYUI_PYTHON); found by itself in most installations",
    )
    whole = argparse.ArgumentParser(
        prog="dev.py", description="Single Image Studio's developer commands. The first run downloads what it needs."
    )
    commands = whole.add_subparsers(dest="command", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)

    demo = add("demo", "run a job of the pack on a real ComfyUI with the small demo model; results go to demo_output/")
    demo.add_argument(
        "name",
        nargs="?",
        default="learn",
        choices=sorted(DEMOS),
        help="learn: learn a concept from one picture (the default); edit: invert a picture and edit it",
    )
    add_test = add("test", "run ruff, mypy, TypeScript on web/, and pytest; further arguments go to pytest")
    add_test.usage = "dev.py test [quick | host] [--comfyui PATH] [--python PATH] [arguments of pytest ...]"
    add_test.epilog = "; ".join(
        [
            f"without a word: {checks.EVERYTHING.about}",
            *(f"{name}: {tier.about}" for name, tier in checks.TIERS.items()),
        ]
    )
    serve = add("serve", "leave a ComfyUI with the pack and the demo model running for a browser")
    serve.add_argument("--port", type=int, help=f"default: {DEFAULT_PORT}, or any free one if that is taken")
    add(
        "bench",
        "count what a training step computes beside other programs' steps; writes docs/reports/BENCH.md, in minutes",
    )
    reproduce = add(
        "reproduce",
        "measure both papers' comparisons on the demo world; goes on where it stopped, and writes docs/reproduction",
    )
    reproduce.usage = "dev.py reproduce [--comfyui PATH] [--python PATH] [what to measure ...]"
    reproduce.epilog = "what to measure: `.venv/bin/python -m lab.measuring.reproduce --help` lists it"
    learn_folder.add_arguments(
        add("learn-folder", "learn one concept from each picture of a folder, on one ComfyUI or on many")
    )
    add(
        "where",
        "print one JSON object: the Python, the ComfyUI, and the demo's checkpoint, image, mask and class word; puts"
        " these files, and a link to this checkout, into .host",
    )
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns its exit code; what a person can put right ends in one sentence instead of a trace."""
    options, rest = parser().parse_known_args(arguments)
    if rest and options.command not in ("test", "reproduce"):
        parser().error(f"unknown arguments: {' '.join(rest)}")
    server.stop_on_signals()
    try:
        if options.command == "learn-folder":
            return learn_folder.run(options)
        host = choose_host(options.comfyui, options.python)
        if options.command == "test":
            return checks.run_all(host, rest)
        if options.command in ("where", "bench"):
            return where(host) if options.command == "where" else measure(host, "bench")
        need_demo_model()
        if options.command == "reproduce":
            return measure(host, "reproduce", rest)
        return DEMOS[options.name](host) if options.command == "demo" else serve(host, options.port)
    except (DevError, HostError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130


def furnished_base(host: Host) -> pathlib.Path:
    """The base directory of `serve` and `where`, which keeps what a person makes in it.

    The project's own host is furnished as well, so that it also works when a script starts it without one.
    """
    if host.ours:
        furnish(host.comfyui)
    return furnish(ROOT / ".host" / "base")


def where(host: Host) -> int:
    """Prints what scripts need to use the host by themselves, and puts the demo's files in place."""
    base, settings = furnished_base(host), learn.settings()
    facts = {
        "python": str(host.python),
        "comfyui": str(host.comfyui),
        "checkpoint": CHECKPOINT,
        "image": settings.image,
        "mask": settings.mask,
        "class_word": settings.class_word,
        "base_directory": str(base),
    }
    print(json.dumps(facts, indent=2))
    return 0


def measure(host: Host, name: str, arguments: Sequence[str] = ()) -> int:
    """Runs a module of `lab.measuring` by that host's Python, on one thread, so that its times can be compared."""
    environment = compiling_apart(os.environ) | {"COMFYUI_PATH": str(host.comfyui), "OMP_NUM_THREADS": "1"}
    command = [str(host.python), "-m", f"lab.measuring.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def serve(host: Host, port: int | None) -> int:
    """Leaves a server running until Ctrl-C, with the demo's ready workflows on its page."""
    say("starting ComfyUI …")
    base = furnished_base(host)
    ready_workflows.first_settings(base)
    with server.serving(host, base, port or default_port(), server.as_users_do(host)) as client:
        ready_workflows.put(client.object_info(), base)
        say(f"ComfyUI runs at {client.url} (log: {client.log_path}); Ctrl-C stops it")
        say(f"the page opens with {ready_workflows.FIRST!r} the first time: press Run; ready workflows (key w there):")
        say("\n".join(ready_workflows.listing()))
        while True:
            time.sleep(2)
            client.get("/queue")  # raises when the server has died


def default_port() -> int:
    """ComfyUI's usual port, or any free one while that is taken."""
    try:
        return server.free_port(DEFAULT_PORT)
    except DevError:
        return server.free_port()
