"""Small random networks, of those that measure pictures and of those that make masks. Shared by the tests of this
folder."""

from __future__ import annotations

import pathlib

import pytest

from lab.measuring import masking_weights, metric_weights

from ..helpers import metrics


@pytest.fixture(scope="session")
def measuring_files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("measuring")
    metric_weights.make_small(folder)
    return folder


@pytest.fixture
def measuring_networks(host, measuring_files, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The small networks in the host's folders. They are dropped after use, but nobody's garbage is collected then: in
    this large process that would take most of a test's time."""
    metrics.put_in_host_folders(measuring_files, monkeypatch)
    return measuring_files


@pytest.fixture(scope="session")
def mask_weights(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("models")
    masking_weights.make_small(folder)
    return folder


@pytest.fixture
def mask_pipeline(host, mask_weights, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """The pipeline's module with small random-weight models in the host's folders, and nothing kept from other
    tests."""
    import folder_paths

    folders = {kind: ([str(mask_weights / kind)], {".pth"}) for kind in ("grounding-dino", "sams")}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths) | folders)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    from single_image_studio.pipelines import mask_from_prompt as pipeline

    monkeypatch.setattr(pipeline, "_detector", pipeline.LoadedModel(pipeline.DETECTORS))
    monkeypatch.setattr(pipeline, "_segmenter", pipeline.LoadedModel(pipeline.SEGMENTERS))
    monkeypatch.setattr(pipeline, "_embeddings", pipeline.EmbeddingCache())
    return pipeline
