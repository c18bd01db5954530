"""Small random networks of transformers, in folders as published ones are."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import torch

from lab.measuring import masking_weights
from lab.measuring.sam2_shapes import SMALL_SAM2
from lab.measuring.sam_shapes import SMALL_SAM

SIDE = 64
PROMPTS = {"hidden_size": 32, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
DECODER = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
PYRAMID = {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "fpn_hidden_size": 32}
OWL_SIDE, OWL_PATCH = 96, 16


def need(name: str) -> Any:
    """A class of transformers; the test is skipped where the installed one has none."""
    transformers = pytest.importorskip("transformers")
    found = getattr(transformers, name, None)
    if found is None:
        pytest.skip(f"this transformers has no {name}")
    return found


def spread(model: Any) -> Any:
    """Weights with which answers differ."""
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.7 / weight[0].numel() ** 0.5 if "embed" not in name else 0.5)
    return model


def saved(model: Any, path: pathlib.Path, **files: object) -> pathlib.Path:
    """As save_pretrained, which looks up EdgeTAM's default backbone in 4.57. files: content of further JSON files."""
    config = json.loads(json.dumps(model.config.to_dict(), default=str))
    masking_weights.write_folder(path, config, model.state_dict(), {})
    (path / "preprocessor_config.json").unlink()
    for name, content in files.items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return path


def clip_words() -> tuple[dict[str, int], list[str]]:
    """(vocabulary, merges) as CLIP's: bytes, bytes that end a word, a few merges, and the two ends last."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    merges = ["h e", "a r", "he ar", "hear t</w>", "r e", "re d</w>", "h a", "ha t</w>", "' s</w>"]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return {piece: i for i, piece in enumerate(pieces)}, merges


def owl(kind: str, path: pathlib.Path) -> pathlib.Path:
    """A folder of a small OWLv2 or OWL-ViT. kind: the beginning of its classes' names."""
    words, merges = clip_words()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = sizes | {"vocab_size": len(words), "max_position_embeddings": 16}
    text |= {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1}
    config = need(f"{kind}Config")(
        text_config=text, vision_config=sizes | {"image_size": OWL_SIDE, "patch_size": OWL_PATCH}, projection_dim=32
    )
    model = need(f"{kind}ForObjectDetection")(config).eval()
    torch.manual_seed(0)  # now: versions draw first weights differently
    spread(model)
    for head in (model.class_head.logit_scale, model.class_head.logit_shift):
        torch.nn.init.normal_(head.bias, std=1.0)
    size = {"height": OWL_SIDE, "width": OWL_SIDE}
    saved(model, path, vocab=words, preprocessor_config={"size": size, "image_mean": [0.4, 0.5, 0.6]})
    (path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    return path


def hq_decoder(decoder: Any, **given: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """SAM-HQ's decoder by hand, as its original program computes it, for one picture and one thing: masks are drawn
    from what the attention makes of the picture. decoder: the library's, for its layers. Returns (masks, scores) with
    two axes before them."""
    picture, tokens = given["image_embeddings"], [decoder.iou_token, decoder.mask_tokens, decoder.hq_token]
    asked = torch.cat([torch.cat([token.weight for token in tokens]), given["sparse_prompt_embeddings"][0, 0]])
    answers, attended = decoder.transformer(
        point_embeddings=asked[None, None],
        image_embeddings=picture + given["dense_prompt_embeddings"],
        image_positional_embeddings=given["image_positional_embeddings"],
        attention_similarity=None,
        **({"output_attentions": False} if "output_attentions" in given else {}),
    )[:2]
    answers = answers[0, 0]

    def branch(pixels: torch.Tensor, name: str) -> torch.Tensor:
        first, norm, second = (getattr(decoder, f"{name}_{layer}") for layer in ("conv1", "norm", "conv2"))
        return second(torch.nn.functional.gelu(norm(first(pixels))))

    pixels = attended[0, 0].T.reshape_as(picture)
    pixels = torch.nn.functional.gelu(decoder.upscale_layer_norm(decoder.upscale_conv1(pixels)))
    pixels = torch.nn.functional.gelu(decoder.upscale_conv2(pixels))
    early = given["intermediate_embeddings"][0].permute(0, 3, 1, 2)
    finer = branch(pixels, "mask") + branch(picture, "encoder") + branch(early, "compress_vit")
    weights = [mlp(answers[1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
    usual = torch.einsum("nc,chw->nhw", torch.stack(weights), pixels[0])
    sharp = torch.einsum("c,chw->hw", decoder.hq_mask_mlp(answers[5]), finer[0])
    scores = decoder.iou_prediction_head(answers[0])
    chosen = slice(1, 4) if given["multimask_output"] else slice(0, 1)
    return (usual[chosen] + sharp)[None, None], scores[chosen][None, None]


def original_sam2(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A file of a small original SAM 2.1, whose size is taken for a published one."""
    from single_image_studio.masking.original_sam2 import PUBLISHED, Hiera

    size = SMALL_SAM2
    monkeypatch.setitem(PUBLISHED, (size.width, size.blocks), Hiera(1, (4, 2, 2, 2), (3,), SIDE))
    torch.save({"model": masking_weights.original_sam2(size)}, path)
    return path


def original_sam_hq(path: pathlib.Path) -> pathlib.Path:
    """A file of a small original SAM-HQ."""
    torch.save(masking_weights.original_sam_hq(SMALL_SAM), path)
    return path
