"""Image encoders: one picture in, one word of the text encoder's input out.

Every encoder maps pixels (1, 3, H, W) in [0, 1] to an embedding (1, width), in fp32. It is trained on a single picture,
together with nothing else, and thrown away afterwards: only its output is kept. Why an encoder at all, when a free
vector would do? Its many parameters move the vector faster and more smoothly than gradient steps on the vector itself
do; the method's authors report that a free embedding converges slower. `none` is that free embedding, for comparison.

Sources: SingleInsert (architecture and size of the encoder); Radford et al. 2021, arXiv:2103.00020, and its public code
(layout and initialisation of the vision transformer).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..support.checks import choice
from ..support.errors import InputError

ENCODER_KINDS = ("vit_b32", "cnn", "none")
PICTURE_SIZE = 224
NORM_GROUPS = 32


def preprocess(pixels: Tensor) -> Tensor:
    """Brings a picture to the size and range that the encoders see: 224 px, mean = std = 0.5.

    pixels: (1, 3, H, W) in [0, 1], any float dtype; a picture that is not square is squeezed, never cropped.
    Returns (1, 3, 224, 224), float32, in [-1, 1].
    Raises: InputError for another shape.
    """
    if pixels.dim() != 4 or pixels.shape[:2] != (1, 3):
        raise InputError("the picture for the encoder is not one RGB picture: change `image`.")
    size = (PICTURE_SIZE, PICTURE_SIZE)
    small = F.interpolate(pixels.float(), size=size, mode="bicubic", antialias=True)
    return (small.clamp(0, 1) - 0.5) / 0.5  # bicubic overshoots at edges; 8-bit resizing clips there too


class QuickGELU(nn.Module):
    """CLIP's activation, x · sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class SelfAttention(nn.Module):
    """Multi-head attention over (B, N, width), initialised as nn.MultiheadAttention initialises itself.

    nn.MultiheadAttention may take another path, with other rounding, when no gradient is wanted. Here the same code
    runs both ways, so that `Anchored` can rely on equal bits.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(x).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, width))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One residual layer: attention, then a perceptron four times as wide, both after a layer norm."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """CLIP's ViT-B/32 with random weights: 88,045,824 parameters at output width 768.

    The class token, the positions and the projection start at N(0, 1/width), the blocks at torch's defaults, as in
    CLIP's public code. The output, ln_post(CLS) @ proj, is neither normalised nor scaled.
    """

    def __init__(self, output_width: int, *, width: int = 768, layers: int = 12, heads: int = 12, patch: int = 32):
        super().__init__()
        scale = width**-0.5
        count = (PICTURE_SIZE // patch) ** 2
        self.patches = nn.Conv2d(3, width, kernel_size=patch, stride=patch, bias=False)
        self.class_token = nn.Parameter(scale * torch.randn(width))
        self.positions = nn.Parameter(scale * torch.randn(count + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, output_width))

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (1, 3, H, W) in [0, 1]. Returns (1, output_width)."""
        x = self.patches(preprocess(pixels)).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], 1, -1), x], dim=1)
        x = self.blocks(self.ln_pre(x + self.positions))
        return self.ln_post(x[:, 0]) @ self.proj  # type: ignore[no-any-return]


class ConvolutionalEncoder(nn.Module):
    """ResNet-18 with group norm and a linear head: 11,570,496 parameters at output width 768.

    Batch norm would see a batch of one picture: its statistics would be that picture's own, different between training
    and evaluation. Group norm has as many parameters and needs no batch.
    """

    def __init__(self, output_width: int):
        super().__init__()
        resnet18 = _import_resnet18()
        self.resnet = resnet18(
            norm_layer=lambda channels: nn.GroupNorm(NORM_GROUPS, channels), num_classes=output_width
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (1, 3, H, W) in [0, 1]. Returns (1, output_width)."""
        return self.resnet(preprocess(pixels))  # type: ignore[no-any-return]


class FreeEmbedding(nn.Module):
    """No encoder: the word's vector is the parameter, and the picture is not looked at."""

    def __init__(self, start: Tensor):
        super().__init__()
        self.embedding = nn.Parameter(start)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: ignored. Returns (1, width)."""
        # not the parameter itself: a caller that changed the result in place would change it
        return self.embedding * 1.0


class Anchored(nn.Module):
    """Goes on from a saved vector without the encoder that made it.

    The concept file keeps the vector and nothing of the encoder, which is a hundred times larger than all the rest. To
    train on, a new encoder with random weights takes over, and only its *change* counts:
    output = vector + encoder(pixels) - encoder_at_start(pixels). So training starts at the saved vector, to the bit on
    one device, and the encoder's gradients are what they would be without the anchor.

    encoder: maps pixels to (1, width), already on the device it will train on.
    vector: (1, width), what was saved. pixels: (1, 3, H, W) in [0, 1], the picture that `forward` will get.
    Raises: InputError when vector and encoder differ in shape.
    """

    vector: Tensor
    at_start: Tensor

    def __init__(self, encoder: nn.Module, vector: Tensor, pixels: Tensor):
        super().__init__()
        # Gradients are on although none is wanted, so that the same kernels, with the same rounding, run as in
        # training.
        with torch.inference_mode(False), torch.enable_grad():
            at_start = encoder(pixels.clone()).detach().clone()
            saved = vector.detach().to(at_start).clone()
        if saved.shape != at_start.shape:
            raise InputError(
                "`concept` is more than one word, or of another size than `clip`'s words: use a concept that this pack"
                " learned with this `clip`."
            )
        self.encoder = encoder
        self.register_buffer("vector", saved)
        self.register_buffer("at_start", at_start)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (1, 3, H, W) in [0, 1]. Returns (1, width)."""
        change = self.encoder(pixels) - self.at_start  # exactly 0 at the start
        return self.vector + change  # type: ignore[no-any-return]


def build_encoder(kind: str, width: int, seed: int, start: Tensor) -> nn.Module:
    """Makes an encoder with random weights: fp32, on the CPU, all parameters trainable.

    kind: "vit_b32", "cnn" or "none". width: of the text encoder's word embeddings (768 for SD 1.x).
    seed: 0 … 2⁶⁴ - 1; the same seed gives the same bits, and the global random state is left as it was.
    start: (width,) or (1, width), the mean token embedding of the class word; only "none" starts there.
    Raises: InputError for an unknown kind, a start of another width, or when torchvision is missing for "cnn".
    """
    choice("encoder", kind, ENCODER_KINDS)
    if start.numel() != width:
        raise InputError(
            "the encoder's start is a word of another size than this `clip`'s: connect the CLIP of the same checkpoint."
        )
    # The host calls nodes in inference mode, where parameters made would never train. Only the CPU's generator is
    # seeded:
    # torch.manual_seed would reseed the GPUs' too, which fork_rng(devices=[]) does not restore.
    with torch.inference_mode(False), torch.enable_grad(), torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return _construct(kind, width, start).float().requires_grad_(True)


def resume_encoder(encoder: nn.Module, state: Mapping[str, Tensor] | None, vector: Tensor, pixels: Tensor) -> nn.Module:
    """Brings a newly built encoder to where a concept's training ended.

    state: the concept's `encoder_state`, which the wire carries: all weights, so that training goes on as if it had
    never stopped. Without it, as after loading a file, the encoder is anchored at the saved vector; a free embedding
    that was built with `start` = vector needs no anchor.
    vector, pixels: as for `Anchored`.
    Raises: InputError when vector and encoder differ in shape, or the state is another encoder's.
    """
    if state is None and isinstance(encoder, FreeEmbedding):
        return encoder
    resumed = encoder
    if state is None or "at_start" in state:  # the state of an anchored encoder, from an earlier Stage II
        resumed = Anchored(encoder, vector, pixels)
    if state is not None:
        try:
            resumed.load_state_dict(dict(state))
        except RuntimeError as error:  # which names hundreds of weights
            raise InputError(
                "the concept's image encoder has not the weights that its settings name: train it again."
            ) from error
    return resumed


def _construct(kind: str, width: int, start: Tensor) -> nn.Module:
    if kind == "vit_b32":
        return VisionTransformer(width)
    if kind == "cnn":
        return ConvolutionalEncoder(width)
    return FreeEmbedding(start.detach().clone().to("cpu", torch.float32).reshape(1, width))


def _import_resnet18() -> Callable[..., nn.Module]:
    """Imported late: a torchvision that does not fit torch must not keep the whole pack from loading."""
    try:
        from torchvision.models import resnet18
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise InputError(
            f"`encoder` cnn needs torchvision, which cannot be imported here ({error}): choose vit_b32 or none."
        ) from error
    return resnet18  # type: ignore[no-any-return]
