"""The downloader against a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import pathlib
import subprocess
import sys
import threading

import pytest

from single_image_studio.masking import download
from single_image_studio.masking.catalogue import (
    DETECTOR_FOLDER,
    PUBLISHED,
    SEGMENTER_FOLDER,
    PublishedFile,
    PublishedModel,
    find_published,
    how_to_get,
    marked,
    unmarked,
)
from single_image_studio.masking.download import DownloadFailed

CONTENT = bytes(range(256)) * 4000  # 1 MB
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        begin = 0
        if server.ranges and self.headers.get("Range"):
            begin = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
        body = server.content[begin:]
        self.send_response(206 if begin else server.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.stop_after])

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.asked, server.ranges, server.code, server.stop_after = CONTENT, [], True, 200, None
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def file(server, **changes) -> PublishedFile:
    values = {
        "name": "w.pth",
        "url": f"http://127.0.0.1:{server.server_port}/w.pth",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    return PublishedFile(**(values | changes))


def test_a_file_is_brought_checked_and_brought_once(server, tmp_path) -> None:
    told: list[str] = []
    path = download.fetch(file(server), tmp_path / "deep" / "folder", told.append)
    assert path.read_bytes() == CONTENT and told[-1].endswith("size and SHA-256 are right")
    download.fetch(file(server), path.parent, told.append)
    assert len(server.asked) == 1 and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_was_cut_off_goes_on(server, tmp_path, ranges: bool) -> None:
    server.ranges, server.stop_after = ranges, 300_000
    with pytest.raises(DownloadFailed):
        download.fetch(file(server), tmp_path)
    assert (tmp_path / "w.pth.part").stat().st_size == 300_000 and not (tmp_path / "w.pth").exists()
    server.stop_after = None
    assert download.fetch(file(server), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]


def test_wrong_content_never_gets_the_name(server, tmp_path) -> None:
    for wrong, words in (
        (file(server, sha256="0" * 64), "SHA-256"),
        (file(server, size=len(CONTENT) + 1), "start again|bytes and"),
        (file(server, size=len(CONTENT) - 1), "more bytes than are published"),
    ):
        with pytest.raises(DownloadFailed, match=words):
            download.fetch(wrong, tmp_path)
        assert not (tmp_path / "w.pth").exists()
        (tmp_path / "w.pth.part").unlink(missing_ok=True)
    (tmp_path / "w.pth").write_bytes(b"mine")
    with pytest.raises(DownloadFailed, match="there already but .* move it away"):
        download.fetch(file(server), tmp_path)
    assert (tmp_path / "w.pth").read_bytes() == b"mine"


def test_no_server_and_no_room(server, tmp_path, monkeypatch) -> None:
    server.code = 404
    with pytest.raises(DownloadFailed, match="did not arrive .*404|did not arrive .*Not Found"):
        download.fetch(file(server), tmp_path)
    with pytest.raises(DownloadFailed, match="has no room for w.pth: 0.0 GB"):
        monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
        download.fetch(file(server), tmp_path)


def test_a_folder_model_lands_in_its_folder(server, tmp_path) -> None:
    model = PublishedModel(
        "some-dino",
        DETECTOR_FOLDER,
        "page",
        1,
        (file(server, name="config.json"), file(server, name="model.safetensors")),
    )
    download.download(model, tmp_path, lambda _: None)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")) == [
        "grounding-dino/some-dino/config.json",
        "grounding-dino/some-dino/model.safetensors",
    ]
    with pytest.raises(DownloadFailed, match="by this command"):
        download.download(PublishedModel("by-hand", SEGMENTER_FOLDER, "page", 1, ()), tmp_path)


def test_it_runs_by_itself_in_the_pack_s_folder(tmp_path) -> None:
    """With no ComfyUI, no torch and nothing of the pack but the standard library (-S leaves site-packages out)."""
    run = [sys.executable, "-S", "-m", "masking.download"]
    listed = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert listed.returncode == 0 and "groundingdino_swint_ogc.pth" in listed.stdout and "694 MB" in listed.stdout
    assert subprocess.run([*run, "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False).returncode == 2
    nowhere = subprocess.run(
        [*run, "sam_vit_b_01ec64.pth", "--models", str(tmp_path / "no")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert nowhere.returncode == 2 and "--models PATH" in nowhere.stderr


def test_the_models_folder_is_found_beside_custom_nodes(tmp_path, monkeypatch) -> None:
    pack = tmp_path / "custom_nodes" / "pack"
    pack.mkdir(parents=True)
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("PWD", str(pack))
    assert download.default_models_folder() == tmp_path / "models"


def test_what_is_published_is_well_formed() -> None:
    for model in PUBLISHED:
        assert (
            model.kind in (DETECTOR_FOLDER, SEGMENTER_FOLDER)
            and model.page.startswith("https://")
            and model.licence == "Apache-2.0"
        )
        assert find_published(model.name, model.kind) is model
        for f in model.files:
            assert (
                len(f.sha256) == 64
                and int(f.sha256, 16)
                and f.url.startswith("https://")
                and f.url.endswith(f"/{f.name}")
            )
        told = how_to_get((model, "/models/x"))
        assert (
            told.count(". ") == 0
            and model.name in told
            and f"{model.megabytes:,} MB" in told
            and "/models/x" in told
            and "https://" in told
        )
    assert find_published("sam_vit_b_01ec64.pth", DETECTOR_FOLDER) is None


def test_of_two_missing_models_each_has_a_line() -> None:
    both = [find_published(*of) for of in (("groundingdino_swint_ogc.pth", DETECTOR_FOLDER), ("sam-vit-base", "sams"))]
    assert how_to_get(*((model, f"/m/{model.kind}") for model in both if model)) == (
        "2 models are missing. Download each into its folder:\n"
        "groundingdino_swint_ogc.pth (694 MB) → /m/grounding-dino: https://github.com/IDEA-Research/GroundingDINO/"
        "releases/download/v0.1.0-alpha/groundingdino_swint_ogc.pth\n"
        "sam-vit-base (375 MB): config.json, preprocessor_config.json, model.safetensors → /m/sams/sam-vit-base:"
        " https://huggingface.co/facebook/sam-vit-base"
    )


def test_a_mark_comes_off_again() -> None:
    for model in PUBLISHED:
        assert unmarked(marked(model)) == unmarked(model.name) == model.name != marked(model)
