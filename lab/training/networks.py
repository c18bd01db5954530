"""The demo model's UNet and text encoder: SD 1.5's, small, with weights that training can start from."""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from torch import Tensor, nn

from .namer import NAME_TOKEN


def new_unet() -> nn.Module:
    """SD 1.5's UNet, small: 64/128/128 channels, attention at 8x8 and 4x4 latents."""
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    from ..hosting.host_extension import small_sd15 as small

    net = UNetModel(
        image_size=32,
        in_channels=4,
        out_channels=4,
        model_channels=small.MODEL_CHANNELS,
        num_res_blocks=[1, 1, 1],
        channel_mult=(1, 2, 2),
        num_heads=small.HEADS,
        num_head_channels=-1,
        use_spatial_transformer=True,
        transformer_depth=[0, 1, 1],
        transformer_depth_output=[0, 0, 1, 1, 1, 1],
        transformer_depth_middle=1,
        context_dim=small.CONTEXT,
        legacy=False,
        use_linear_in_transformer=False,
        dtype=torch.float32,
        operations=comfy.ops.disable_weight_init,
    )
    for name, module in net.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        if name.endswith(("out_layers.3", "proj_out")) or name == "out.2":
            nn.init.zeros_(module.weight)  # every residual branch starts silent
    return net


def new_text_encoder() -> nn.Module:
    import comfy.clip_model

    from ..hosting.host_extension import small_sd15 as small

    text = small.SmallTextEncoder()
    for name, parameter in text.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
        elif "weight" in name:
            nn.init.ones_(parameter)
        else:
            nn.init.zeros_(parameter)
    text.transformer.text_projection.weight.data.copy_(torch.eye(small.CONTEXT))
    for layer in text.modules():
        if isinstance(layer, comfy.clip_model.CLIPLayer):  # the host's layer adds in place, which autograd refuses
            for norm in (layer.layer_norm1, layer.layer_norm2):
                norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(), *inputs[1:]))
    return text.requires_grad_(True)


def token_ids(captions: list[str]) -> Tensor:
    from ..hosting.host_extension import small_sd15 as small

    tokenizer = small.SmallTokenizer()
    known: dict[str, list[int]] = {}
    for caption in set(captions):
        known[caption] = [token for token, _ in tokenizer.tokenize_with_weights(caption)["l"][0]]
    return torch.tensor([known[caption] for caption in captions])


class HalfUNet:
    """A UNet that computes in bfloat16 throughout, with its weights and their gradients kept in float32.

    A third faster on a processor that has bfloat16 than autocast, which widens every normalisation.
    """

    def __init__(self, unet: Any) -> None:
        self.whole = list(unet.parameters())
        self.half: Any = copy.deepcopy(unet).bfloat16()
        self.half.dtype = torch.bfloat16  # the host's UNet casts its timestep's embedding to it
        self.parts = list(self.half.parameters())
        for part, whole in zip(self.parts, self.whole):
            part.register_post_accumulate_grad_hook(functools.partial(_hand_over, whole))

    def __call__(self, noisy: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        with torch.no_grad():
            torch._foreach_copy_(self.parts, self.whole)
        eps: Tensor = self.half(noisy.bfloat16(), timesteps, context=context.bfloat16())
        return eps


def _hand_over(whole: Tensor, part: Tensor) -> None:
    if part.grad is not None:
        whole.grad, part.grad = part.grad.float(), None


class Words(nn.Module):
    """The rows of a token table that captions use: the only ones that training has to change.

    Called with token ids, of which those that it doesn't have come out as any row.
    """

    def __init__(self, table: Tensor, used: Tensor) -> None:
        super().__init__()
        self.table, self.used = table, used  # shared with the text encoder; not this module's parameters
        self.rows = nn.Parameter(table.detach()[used].clone())
        self.register_buffer("place", torch.zeros(len(table), dtype=torch.long), persistent=False)
        self.place[used] = torch.arange(len(used))

    def forward(self, ids: Tensor) -> Tensor:
        return nn.functional.embedding(self.place[ids], self.rows)

    def write(self) -> None:
        """Puts the rows back into the table."""
        with torch.no_grad():
            self.table.data[self.used] = self.rows

    def read(self) -> None:
        """Takes the rows from the table."""
        with torch.no_grad():
            self.rows.copy_(self.table[self.used])


def encode_text(text: nn.Module, ids: Tensor, names: Tensor | None = None, words: Words | None = None) -> Tensor:
    """Encodes captions, (B, 77) token ids, to (B, 77, width). names: word vectors for the captions' `named_scenes.NAME`
    tokens, in order. words: instead of the encoder's own token table."""
    unique, back = torch.unique(ids, dim=0, return_inverse=True) if names is None else (ids, slice(None))
    embeds = words(unique) if words else nn.functional.embedding(unique, text.transformer.get_input_embeddings().weight)
    if names is not None:
        embeds = embeds.masked_scatter((unique == NAME_TOKEN)[..., None], names.to(embeds.dtype))
    return text.transformer(None, None, embeds=embeds, num_tokens=[77], dtype=torch.float32)[0][back]
