"""Downloads published models for users without a browser: `python -m masking.download NAME …`, in the pack's folder.

Nothing else in the pack ever downloads. Each file is checked by size and SHA-256 before it gets its name; a download
that was cut off goes on where it stopped. Standard library only, so that any Python 3.10 can run it.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import pathlib
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import BinaryIO, cast

from .catalogue import PUBLISHED, PublishedFile, PublishedModel

CHUNK = 1 << 20  # bytes
TIMEOUT = 60  # seconds without a byte
HEADROOM = 1.02  # a little more disk space is asked for than the file takes
PERCENT_STEP = 5  # between two lines of progress

Print = Callable[[str], None]


class DownloadFailed(Exception):
    """Its message is one sentence for the user."""


def default_models_folder() -> pathlib.Path | None:
    """ComfyUI/models, when the pack lies in ComfyUI/custom_nodes, also as a link."""
    here = pathlib.Path(os.environ.get("PWD") or os.getcwd())
    for pack in (here, pathlib.Path(__file__).resolve().parent.parent):
        if pack.parent.name == "custom_nodes" and (pack.parent.parent / "models").is_dir():
            return pack.parent.parent / "models"
    return None


def mismatch(path: pathlib.Path, file: PublishedFile) -> str:
    """In words, how a file differs from the published one; empty when it does not."""
    size = path.stat().st_size
    if size != file.size:
        return f"{file.name} has {size:,} bytes and {file.size:,} are published"
    digest = hashlib.sha256()
    with path.open("rb") as content:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        return f"{file.name} has the SHA-256 {digest.hexdigest()} and {file.sha256} is published"
    return ""


def fetch(file: PublishedFile, folder: pathlib.Path, output: Print = print) -> pathlib.Path:
    """Brings one file into the folder, unless it is there already. Returns its path.

    output: gets lines about the progress.
    Raises: DownloadFailed, with nothing under the file's own name.
    """
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        difference = mismatch(path, file)
        if difference:
            raise DownloadFailed(f"{path} is there already but {difference}: move it away and start again.")
        output(f"{file.name}: already there, size and SHA-256 are right")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    _complete(file, part, output)
    difference = mismatch(part, file)
    if difference:
        part.unlink()
        raise DownloadFailed(f"{difference}: it was deleted, start again.")
    os.replace(part, path)
    output(f"{file.name}: done, size and SHA-256 are right")
    return path


def _complete(file: PublishedFile, part: pathlib.Path, output: Print) -> None:
    """Receives what is missing of a file, if anything is. Raises: DownloadFailed."""
    begun = part.stat().st_size if part.exists() else 0
    if shutil.disk_usage(part.parent).free < (file.size - begun) * HEADROOM:
        raise DownloadFailed(f"{part.parent} has no room for {file.name}: {file.size / 1e9:.1f} GB are needed.")
    if begun >= file.size:
        return
    try:
        _receive(file, part, begun, output)
        if part.stat().st_size < file.size:
            raise OSError("it was cut off")
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(
            f"{file.url} did not arrive ({reason}): start again to go on where it stopped, or download it by hand into"
            f" {part.parent}."
        ) from error


def _receive(file: PublishedFile, part: pathlib.Path, begun: int, output: Print) -> None:
    headers = {"User-Agent": "single-image-studio"} | ({"Range": f"bytes={begun}-"} if begun else {})
    request = urllib.request.Request(file.url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.status != 206:  # the server starts from the beginning
            begun = 0
        with part.open("ab" if begun else "wb") as out:
            _copy(cast(BinaryIO, response), out, file, begun, output)


def _copy(response: BinaryIO, out: BinaryIO, file: PublishedFile, received: int, output: Print) -> None:
    """Raises: ValueError when more arrives than is published."""
    shown = -1
    while chunk := response.read(CHUNK):
        received += len(chunk)
        if received > file.size:
            raise ValueError("more bytes than are published")
        out.write(chunk)
        percent = 100 * received // file.size
        if percent // PERCENT_STEP != shown:
            shown = percent // PERCENT_STEP
            output(f"{file.name}: {percent} % of {file.size / 1e6:.0f} MB")


def download(model: PublishedModel, models_folder: pathlib.Path, output: Print = print) -> None:
    """Brings a model into models_folder/<kind>. Raises: DownloadFailed."""
    if not model.files:
        raise DownloadFailed(
            f"{model.name} is not downloaded by this command, since its hashes are not known for sure: get it from"
            f" {model.page}."
        )
    folder = models_folder / model.kind
    for file in model.files:
        fetch(file, folder / model.name if model.is_folder else folder, output)


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    known = {model.name: model for model in PUBLISHED}
    if not args.names:
        print("\n".join(_line(model) for model in PUBLISHED))
        return 0
    unknown = [name for name in args.names if name not in known]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; the names are {', '.join(known)}")
    folder = args.models or default_models_folder()
    if folder is None or not folder.is_dir():
        parser.error("ComfyUI's models folder is not there: name it with --models PATH")
    try:
        for name in args.names:
            download(known[name], folder)
    except DownloadFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m masking.download", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to download; without one, the list is printed")
    parser.add_argument(
        "--models",
        type=pathlib.Path,
        help="ComfyUI's models folder; found by itself when the pack lies in custom_nodes",
    )
    return parser


def _line(model: PublishedModel) -> str:
    """One line of the list."""
    source = model.page if model.files else f"by hand: {model.page}"
    return f"{model.name:34}{model.megabytes:>6,} MB  models/{model.kind}  {model.licence}  {source}"


if __name__ == "__main__":
    raise SystemExit(main())
