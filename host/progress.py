"""Progress, previews and cancelling, as the host shows them."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from .server import running_server

log = logging.getLogger("single_image_studio")
CANCELLED: type[BaseException] = comfy.model_management.InterruptProcessingException
"""What a long piece of work raises when the user has pressed cancel."""
_TEXT_EVERY = 0.25  # seconds; the page need not redraw faster


class courtesy:  # a context, named as it reads
    """Showing is a courtesy: a picture, preview, event or line of the log that fails inside costs no result.

    what: is being shown, for the log.
    Raises (inside): the host's InterruptProcessingException when the user has pressed cancel.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, CANCELLED):
            return False
        # a full disk, a page that is gone, another pack's previewer
        log.info("%s cannot be shown: the result is not touched by it.", self.what, exc_info=error)
        return True


def throw_if_cancelled() -> None:
    """Raises: the host's InterruptProcessingException when the user has pressed cancel."""
    comfy.model_management.throw_exception_if_processing_interrupted()


class Progress:
    """One node's progress bar, line of text and preview pictures."""

    def __init__(self, total: int, model: Any, node_id: str | None = None) -> None:
        self.bar = comfy.utils.ProgressBar(total)
        self.total = total
        self.model = model
        self.node_id = node_id
        self._last_text = 0.0
        self._previewer: Any = None

    def update(self, done: int, text: str = "", latents: Tensor | None = None) -> Any:
        """Shows that `done` steps are over, with a line of text under the node if this knows one.

        latents: (B, 4, h, w) to preview the first of. Returns the preview as a PIL picture, or None.
        Raises: the host's InterruptProcessingException when the user has pressed cancel.
        """
        throw_if_cancelled()
        preview = None if latents is None else self._preview(latents)
        with courtesy("The progress"):
            self.bar.update_absolute(done, self.total, preview)
            now = time.monotonic()
            if now - self._last_text > _TEXT_EVERY or done == self.total:
                self._last_text = now
                self._send(text)
        return None if preview is None else preview[1]

    def _send(self, text: str) -> None:
        if self.node_id is None:
            return
        server = running_server()
        if server is not None and hasattr(server, "send_progress_text"):
            server.send_progress_text(text, self.node_id)

    def _preview(self, latents: Tensor) -> Any:
        """By the user's own preview method, else the model's plain colour table: never the VAE, which would push the
        model out of memory."""
        with courtesy("A preview"), torch.no_grad():
            if self._previewer is None:
                self._previewer = self._make_previewer(latents.device)
            return self._previewer.decode_latent_to_preview_image("JPEG", latents[:1].detach())
        return None

    def _make_previewer(self, device: torch.device) -> Any:
        import latent_preview

        form = self.model.model.latent_format
        previewer = latent_preview.get_previewer(device, form)
        if previewer is None:
            previewer = latent_preview.Latent2RGBPreviewer(
                form.latent_rgb_factors, getattr(form, "latent_rgb_factors_bias", None)
            )
        return previewer
