"""Downloads published models for users without a browser: `python -m masking.download NAME …`, in the pack's folder.

Nothing else in the pack ever downloads. Each file is checked by size and SHA-256 before it gets its name; a download
that was cut off is taken up where it stopped. Standard library only, so that any Python 3.10 can run it.
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

from .catalogue import PUBLISHED, Published, PublishedFile

PIECE = 1 << 20
SECONDS = 60  # without a byte
ROOM = 1.02  # disk space is asked for with a little to spare


class DownloadFailed(Exception):
    """One sentence for the user."""


def default_models_folder() -> pathlib.Path | None:
    """ComfyUI/models, when the pack lies in ComfyUI/custom_nodes, also as a link."""
    here = pathlib.Path(os.environ.get("PWD") or os.getcwd())
    for pack in (here, pathlib.Path(__file__).resolve().parent.parent):
        if pack.parent.name == "custom_nodes" and (pack.parent.parent / "models").is_dir():
            return pack.parent.parent / "models"
    return None


def check(path: pathlib.Path, file: PublishedFile) -> str:
    """Empty when the file is whole and the published one, else what is wrong."""
    size = path.stat().st_size
    if size != file.size:
        return f"{file.name} has {size:,} bytes and {file.size:,} are published"
    with path.open("rb") as content:
        digest = hashlib.sha256()
        for piece in iter(lambda: content.read(PIECE), b""):
            digest.update(piece)
    return (
        ""
        if digest.hexdigest() == file.sha256
        else f"{file.name} has the SHA-256 {digest.hexdigest()} and {file.sha256} is published"
    )


def fetch(file: PublishedFile, folder: pathlib.Path, tell: Callable[[str], None] = print) -> pathlib.Path:
    """Brings one file into the folder, unless it is there already. Returns its path.

    Raises: DownloadFailed, with nothing under the file's own name.
    """
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        wrong = check(path, file)
        if wrong:
            raise DownloadFailed(f"{path} is there already but {wrong}: move it away and start again.")
        tell(f"{file.name}: already there, size and SHA-256 are right")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    begun = part.stat().st_size if part.exists() else 0
    if shutil.disk_usage(folder).free < (file.size - begun) * ROOM:
        raise DownloadFailed(f"{folder} has no room for {file.name}: {file.size / 1e9:.1f} GB are needed.")
    if begun < file.size:
        _receive(file, part, begun, tell)
    wrong = check(part, file)
    if wrong:
        part.unlink()
        raise DownloadFailed(f"{wrong}: it was deleted, start again.")
    os.replace(part, path)
    tell(f"{file.name}: done, size and SHA-256 are right")
    return path


def _receive(file: PublishedFile, part: pathlib.Path, begun: int, tell: Callable[[str], None]) -> None:
    request = urllib.request.Request(
        file.url, headers={"User-Agent": "single-image-studio"} | ({"Range": f"bytes={begun}-"} if begun else {})
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            if begun and answer.status != 206:  # the server starts from the beginning
                begun = 0
            with part.open("ab" if begun else "wb") as out:
                _copy(answer, out, file, begun, tell)
        if part.stat().st_size < file.size:
            raise OSError("it was cut off")
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(
            f"{file.url} did not arrive ({reason}): start again to go on where it stopped, or download it by hand into"
            f" {part.parent}."
        ) from error


def _copy(answer: object, out: object, file: PublishedFile, done: int, tell: Callable[[str], None]) -> None:
    shown = -1
    while piece := answer.read(PIECE):  # type: ignore[attr-defined]
        done += len(piece)
        if done > file.size:
            raise ValueError("more bytes than are published")
        out.write(piece)  # type: ignore[attr-defined]
        percent = 100 * done // file.size
        if percent // 5 != shown:
            shown = percent // 5
            tell(f"{file.name}: {percent} % of {file.size / 1e6:.0f} MB")


def download(model: Published, models_folder: pathlib.Path, tell: Callable[[str], None] = print) -> None:
    """Brings a model into models_folder/<kind>. Raises: DownloadFailed."""
    if not model.files:
        raise DownloadFailed(
            f"{model.name} is not downloaded by this command, since its hashes are not known for sure: get it from"
            f" {model.page}."
        )
    folder = models_folder / model.kind
    for file in model.files:
        fetch(file, folder / model.name if model.is_folder else folder, tell)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m masking.download", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to download; without one, the list is printed")
    parser.add_argument(
        "--models",
        type=pathlib.Path,
        help="ComfyUI's models folder; found by itself when the pack lies in custom_nodes",
    )
    args = parser.parse_args(arguments)
    known = {model.name: model for model in PUBLISHED}
    if not args.names:
        for model in PUBLISHED:
            print(
                f"{model.name:34}{model.megabytes:>6,} MB  models/{model.kind}  {model.licence} "
                f" {'' if model.files else 'by hand: '}{model.page}"
            )
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


if __name__ == "__main__":
    raise SystemExit(main())
