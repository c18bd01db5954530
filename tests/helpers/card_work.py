"""What a pretended card has to do: every node as the executor runs it, in groups that each begin with the same wires.

What a group goes on from (a concept, an inversion) was made on the CPU, so that groups can run alone, and no rounding
of an earlier one is in what is compared.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

CHECKPOINT = pathlib.Path(__file__).resolve().parents[2] / "lab" / "weights" / "sis_demo_sd15.safetensors"
Found = dict[str, Any]


@dataclasses.dataclass
class Wires:
    """A loaded checkpoint, and what was made with it on the CPU by other groups' names of results.

    name: of files that are written. nodes: ids of those that ran. warned: ids of what they warned of.
    """

    model: Any
    clip: Any
    vae: Any
    name: str
    made: Found
    nodes: set[str] = dataclasses.field(default_factory=set)
    warned: list[str] = dataclasses.field(default_factory=list)

    def run(self, node: str, *values: Any, **inputs: Any) -> tuple[Any, ...]:
        """A node of the pack's outputs; node: its id without SIS_."""
        self.nodes.add(f"SIS_{node}")
        output = node_classes()[f"SIS_{node}"].execute(*values, **inputs)
        self.warned += [warning["id"] for warning in (output.ui or {}).get("warnings", ())]
        return tuple(output.args)

    def picture(self, model: Any, clip: Any, text: str, **more: Any) -> Tensor:
        """What the stock nodes draw. more: of KSampler: `latent`, `positive` or `negative`."""
        import nodes

        positive, negative = more.get("positive") or encode(clip, text), more.get("negative") or encode(clip, "")
        latent = more.get("latent") or {"samples": torch.zeros(1, 4, 8, 8)}
        (sampled,) = nodes.KSampler().sample(model, 7, 2, 5.0, "euler", "normal", positive, negative, latent)
        return nodes.VAEDecode().decode(self.vae, sampled)[0].clone()

    def stock(self) -> Tensor:
        return self.picture(self.model, self.clip, "a red heart")


def loaded(name: str, made: Found) -> Wires:
    import comfy.sd
    import folder_paths

    embeddings = folder_paths.get_folder_paths("embeddings")
    wires = comfy.sd.load_checkpoint_guess_config(
        str(CHECKPOINT), output_vae=True, output_clip=True, embedding_directory=embeddings
    )[:3]
    return Wires(*wires, name, made)


@functools.cache
def node_classes() -> dict[str, Any]:
    """The pack's, by id."""
    from single_image_studio.nodes import extension, schema

    found = [value for value in vars(extension).values() if isinstance(value, type) and issubclass(value, schema.Node)]
    return {node.define_schema().node_id: node for node in found}


@dataclasses.dataclass(frozen=True)
class Group:
    """run: results by name, all that leaves the nodes. long: only in the long form."""

    run: Callable[[Wires], Found]
    long: bool


GROUPS: dict[str, Group] = {}


def group(name: str, long: bool = False) -> Callable[[Callable[[Wires], Found]], Callable[[Wires], Found]]:
    def add(run: Callable[[Wires], Found]) -> Callable[[Wires], Found]:
        GROUPS[name] = Group(run, long)
        return run

    return add


def encode(clip: Any, text: str) -> Any:
    import nodes

    return nodes.CLIPTextEncode().encode(clip, text)[0]


def image(side: int = 64) -> Tensor:
    return torch.rand(1, side, side, 3, generator=torch.Generator().manual_seed(0))


def mask() -> Tensor:
    left = torch.zeros(1, 64, 64)
    left[:, 16:48, :32] = 1
    return left


def latent_of(wires: Wires, **more: Any) -> Any:
    import nodes

    return {"samples": nodes.VAEEncode().encode(wires.vae, image())[0]["samples"], **more}


def numbers_in(text: str) -> Tensor:
    """All numbers of a report's JSON."""
    found = json.loads(text[text.index("{") if "\n\n" not in text else text.index("\n\n") :])
    return torch.tensor(list(_numbers(found)), dtype=torch.float64)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, (int, float)):
        yield float(value)
    elif isinstance(value, (list, tuple)):
        yield from (number for part in value for number in _numbers(part))
    elif isinstance(value, dict):
        yield from _numbers(list(value.values()))


def tensors_of(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from tensors_of([getattr(value, field.name) for field in dataclasses.fields(value)])
    elif isinstance(value, dict):
        # SD 1.x reads no pooled output, and the host makes it with a projection that this checkpoint leaves unset
        yield from tensors_of([value[key] for key in sorted(value, key=str) if key != "pooled_output"])
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors_of(part)
