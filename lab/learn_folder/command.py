"""`dev.py learn-folder PICTURES`: one concept from each picture of a folder."""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import ROOT, DevError
from ..hosting.base_folder import furnish, need_demo_model
from ..hosting.environment import Host, choose_host
from ..hosting.installation import say, venv_python
from ..jobs import jobs, learn
from . import engines, graph, pictures, ray_engine, sheet
from .pool import Pool
from .report import Report
from .results import Results
from .tasks import Failure, Task, Worker

ENGINES = ("local", "servers", "ray")
DEMO_PROMPTS = ("PHRASE", "PHRASE on a green background")


@dataclass(frozen=True)
class Place:
    """host: the ComfyUI that learns, None where servers do. models: the user's folder of models, if one is known."""

    host: Host | None
    models: pathlib.Path | None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Place:
        """What the options or COMFYUI_PATH name, else the ComfyUI whose custom_nodes this pack lies in, else our own.

        Raises: DevError when what they name is not there.
        """
        around = ROOT.parent.parent if ROOT.parent.name == "custom_nodes" else None
        comfyui = options.comfyui or os.environ.get("COMFYUI_PATH")
        if not comfyui and around and (around / "main.py").is_file():
            comfyui = str(around)
        host = choose_host(comfyui, options.python) if comfyui or options.engine != "servers" else None
        models = options.models or (host.comfyui / "models" if host and not host.ours else None)
        if models is not None and not models.is_dir():
            raise DevError(f"there is no folder {models}: --models names your ComfyUI's folder of models")
        return cls(host, models)

    @property
    def is_demo(self) -> bool:
        """Whether the project's own host learns, which has the demo's models alone."""
        return self.host is not None and self.host.ours and self.models is None

    def concepts(self, output: pathlib.Path) -> pathlib.Path:
        """Where concept files go."""
        if self.models is not None:
            return self.models / "single_image_studio" / "concepts"
        if self.is_demo:  # the models of `dev.py serve`
            return furnish(ROOT / ".host" / "base") / "models" / "single_image_studio" / "concepts"
        return output / "concepts"

    def pythons(self) -> list[pathlib.Path]:
        """Which may have Pillow."""
        return [pathlib.Path(sys.executable), *([self.host.python] if self.host else []), venv_python(ROOT / ".venv")]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, beside --comfyui and --python."""
    add = parser.add_argument
    add("pictures", type=pathlib.Path, metavar="PICTURES", help="dog/rex.png is a dog called rex; so is rex_dog.png")
    add("--engine", choices=ENGINES, help="local: one ComfyUI that is started here (the default); servers; ray")
    add("--servers", nargs="+", metavar="URL", help="ComfyUI servers that run already, with this pack")
    add("--workers", type=int, metavar="N", help="ray: how many ComfyUIs; as many as there are GPUs by default")
    add("--ray-address", metavar="ADDRESS", help="ray: join this cluster instead of starting one here")
    add("--output", type=pathlib.Path, metavar="FOLDER", help="pictures and reports; default: PICTURES_learned")
    add("--models", type=pathlib.Path, metavar="FOLDER", help="your ComfyUI's models, which gets the concepts")
    add("--class-word", metavar="WORD", help="what the pictures show that lie in PICTURES itself")
    add("--checkpoint", metavar="FILE", help="these three as their nodes list them; default: the template's")
    add("--detector", metavar="FILE")
    add("--segmenter", metavar="FILE")
    add("--steps", type=int, metavar="N", help="of Stage I")
    add("--stage2-steps", type=int, metavar="N", help="of Stage II; 0 leaves it out")
    add("--prompt", action="append", metavar="TEXT", help="one picture to judge by, with PHRASE in it; may be repeated")
    add("--settings", type=pathlib.Path, metavar="FILE", help="further values by node title, as in lab/jobs/learn.json")
    add("--seed", type=int, default=0, help="another one draws all random numbers anew")
    add("--time-limit", type=float, default=3600, metavar="SECONDS", help="for one picture; default: an hour")


def run(options: argparse.Namespace) -> int:
    """Learns what is missing. Returns 0 when every picture has its concept, else 1.

    Raises: DevError for what stands in the way of all pictures.
    """
    options.engine = options.engine or ("servers" if options.servers else "ray" if options.ray_address else "local")
    check(options)
    place = Place.of(options)
    output = options.output or options.pictures.absolute().with_name(options.pictures.absolute().name + "_learned")
    found, failures = pictures.find(options.pictures, options.class_word, output)
    common = graph.template(settings_of(options, place))
    results = Results.opened(output, place.concepts(output))
    tasks, already, in_the_way = to_do(found, common, options.seed, results)
    failures += in_the_way
    say(f"{len(found) + len(failures) - len(in_the_way)} pictures; {already} learned before, {len(tasks)} to learn")
    report = learn_all(options, place, tasks, results, Report(len(tasks), already, failures))
    for path in sheet.draw(results, options.pictures.absolute(), place.pythons()):
        say(f"see {path}")
    return 1 if report.failures else 0


def check(options: argparse.Namespace) -> None:
    """Raises: DevError for options that do not fit together."""
    if (options.engine == "servers") != bool(options.servers):
        raise DevError("--engine servers and --servers URL … belong together")
    if options.engine != "ray" and (options.workers is not None or options.ray_address):
        raise DevError("--workers and --ray-address belong to --engine ray")
    for name in ("workers", "steps"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise DevError(f"--{name} is {value}: give 1 or more")


def settings_of(options: argparse.Namespace, place: Place) -> graph.Settings:
    """What all pictures have in common; the demo's own values where its model learns.

    Raises: DevError for a file of settings that cannot be read, or without the demo's weights.
    """
    prompts = options.prompt
    path = options.settings
    if place.is_demo and path is None:
        need_demo_model()
        path, prompts = learn.SETTINGS, prompts or DEMO_PROMPTS
    overrides: jobs.Overrides = {}
    if path is not None:
        with jobs.settings_of(path) as overrides:
            pass
    return graph.Settings(
        overrides=overrides, checkpoint=options.checkpoint, detector=options.detector, segmenter=options.segmenter,
        prompts=prompts, steps=options.steps, stage2_steps=options.stage2_steps, seed=options.seed,
    )  # fmt: skip


def to_do(
    found: Sequence[pictures.Picture], common: graph.Prompt, seed: int, results: Results
) -> tuple[list[Task], int, list[Failure]]:
    """The tasks that are missing, how many are not, and what cannot be done."""
    tasks, already, failures = [], 0, []
    for picture in found:
        try:
            task = graph.task(picture, picture.path.read_bytes(), common, seed)
        except OSError as error:
            failures.append(Failure(picture.file, f"the picture cannot be read ({error.strerror or error})"))
            continue
        if results.is_done(task):
            already += 1
        elif failure := results.in_the_way(task):
            failures.append(failure)
        else:
            tasks.append(task)
    return tasks, already, failures


def learn_all(
    options: argparse.Namespace, place: Place, tasks: Sequence[Task], results: Results, report: Report
) -> Report:
    """Runs the tasks, keeps what comes of them, and writes the report, also when the run is stopped."""
    left_out: dict[str, str] = {}
    try:
        if tasks:
            with workers_of(options, place) as workers:
                report.workers = len(workers)
                pool = Pool(tasks, workers, results.room)
                left_out = pool.left_out
                with contextlib.closing(pool.outcomes()) as outcomes:
                    for outcome in outcomes:
                        report.add(results.keep(outcome))
    finally:
        say(report.words(left_out, results).rstrip())
        try:
            report.save(left_out, results)
        except OSError as error:  # a full disk, which has been told by then, must not hide what was done
            say(f"this report could not be written to {results.output} ({error.strerror or error})")
    return report


@contextlib.contextmanager
def workers_of(options: argparse.Namespace, place: Place) -> Iterator[Sequence[Worker]]:
    """The engine.

    Raises: DevError when it cannot work.
    """
    if options.engine == "servers":
        with engines.servers(options.servers, options.time_limit) as workers:
            yield workers
        return
    assert place.host is not None
    machine = engines.Machine(place.host, place.models, options.time_limit)
    if options.engine == "local":
        with engines.local(machine) as own:
            yield own
    else:
        with ray_engine.actors(machine, options.workers, options.ray_address) as remote:
            yield remote
