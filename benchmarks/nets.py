"""Plain torch networks of the benchmarks, written as users write them.

Inputs are keyword arguments named after the modalities of the data sets: `image`, `audio`, `text`, `table`. How long
each takes is in results/dense.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

PADDING = 0


class InvertedResidual(nn.Module):
    """MobileNetV2's block (arXiv:1801.04381): widen 1x1, depthwise 3x3, narrow 1x1; a shortcut where shapes agree."""

    def __init__(self, inputs: int, outputs: int, widen: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * widen
        layers = [*_unit(inputs, hidden, 1)] if widen > 1 else []
        layers += [*_unit(hidden, hidden, 3, stride, groups=hidden)]
        layers += [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.body = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y: Tensor = self.body(x)
        return x + y if self.shortcut else y


class MobileNetV2(nn.Module):
    """Inverted residuals for pictures of 32 x 32: three sizes of map instead of five."""

    # widening, channels, blocks, stride of the first
    STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 40, 4, 2), (6, 80, 3, 2))

    def __init__(self, classes: int, width: float) -> None:
        super().__init__()
        channels = _scaled(16, width)
        layers: list[nn.Module] = [*_unit(3, channels, 3)]
        for widen, plain, blocks, stride in self.STAGES:
            for block in range(blocks):
                layers.append(InvertedResidual(channels, _scaled(plain, width), widen, stride if block == 0 else 1))
                channels = _scaled(plain, width)
        last = _scaled(192, max(width, 1.0))
        self.body = nn.Sequential(*layers, *_unit(channels, last, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(last, classes))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, 3, 32, 32)."""
        logits: Tensor = self.head(self.body(image))
        return logits


class BasicBlock(nn.Module):
    """ResNet's block (arXiv:1512.03385): two 3x3 convolutions and a shortcut, projected where shapes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        project = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if inputs == outputs and stride == 1 else project

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        return functional.relu(self.second(functional.relu(self.first(x))) + self.shortcut(x))


class ResNet(nn.Module):
    """The CIFAR form: three stages, each with twice the channels of the one before on maps half as wide."""

    def __init__(self, classes: int, depth: int, width: int, stride: int) -> None:
        super().__init__()
        widths = [width, width, 2 * width, 4 * width]
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.stages = nn.Sequential(
            *(
                BasicBlock(inputs if block == 0 else outputs, outputs, 2 if block == 0 and stage > 0 else 1)
                for stage, (inputs, outputs) in enumerate(pairwise(widths))
                for block in range((depth - 2) // 6)
            )
        )
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, 3, 32, 32)."""
        logits: Tensor = self.head(self.stages(self.stem(image)).mean((2, 3)))
        return logits


class Block(nn.Module):
    """One transformer layer: fused q, k, v, and a GELU feed-forward; norms before the two, or after."""

    def __init__(self, d: int, heads: int, hidden: int, dropout: float, *, pre_norm: bool) -> None:
        super().__init__()
        self.heads, self.head_dim, self.pre_norm = heads, d // heads, pre_norm
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.feed_forward = nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, d))
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """States (n, tokens, d) to the same; `bias` (n, 1, 1, tokens) is added to the scores of what is looked at."""
        if self.pre_norm:
            x = x + self.dropout(self.attend(self.norm1(x), bias))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attend(x, bias)))
        normed: Tensor = self.norm2(x + self.dropout(self.feed_forward(x)))
        return normed

    def attend(self, x: Tensor, bias: Tensor) -> Tensor:
        """Self-attention (n, tokens, d)."""
        n, tokens, _ = x.shape
        split = self.qkv(x).reshape(n, tokens, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = split.unbind(0)
        joined = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2)
        mixed: Tensor = self.out(joined.reshape(n, tokens, self.heads * self.head_dim))
        return mixed


class TextTransformer(nn.Module):
    """Token and position embeddings, layers, the mean over what is not padding, a linear head."""

    def __init__(
        self,
        vocabulary: int,
        tokens: int,
        classes: int,
        *,
        d: int,
        layers: int,
        heads: int,
        pre_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, d, padding_idx=PADDING)
        self.position = nn.Parameter(torch.randn(tokens, d) * 0.02)
        self.blocks = nn.ModuleList(Block(d, heads, 4 * d, dropout, pre_norm=pre_norm) for _ in range(layers))
        self.norm = nn.LayerNorm(d) if pre_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(d, classes)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, text: Tensor) -> Tensor:
        """Logits (n, classes) of token ids (n, tokens)."""
        written = (text != PADDING).to(self.position.dtype)
        bias = (written[:, None, None, :] - 1) * 1e4
        x = self.dropout(self.embedding(text) + self.position)
        for block in self.blocks:
            x = block(x, bias)
        logits: Tensor = self.head(_mean(self.norm(x), written))
        return logits

    def start_from(self, bag: Bag) -> None:
        """Take over the embeddings of a trained bag: it learns in seconds what takes a transformer minutes."""
        with torch.no_grad():
            self.embedding.weight.copy_(bag.embedding.weight)


class Bag(nn.Module):
    """The mean of token embeddings and a linear head: the plainest model of text, and a start for a transformer."""

    def __init__(self, vocabulary: int, classes: int, d: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, d, padding_idx=PADDING)
        self.head = nn.Linear(d, classes)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, text: Tensor) -> Tensor:
        """Logits (n, classes) of token ids (n, tokens)."""
        written = (text != PADDING).to(self.embedding.weight.dtype)
        logits: Tensor = self.head(_mean(self.embedding(text), written))
        return logits


class AudioVisual(nn.Module):
    """Late fusion for AV-MNIST: a convolutional encoder for each modality, their features joined, two linear layers."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.image = _encoder((1, width, 2 * width, 4 * width))
        self.audio = _encoder((1, width, 2 * width, 4 * width, 4 * width))
        self.mix = nn.Sequential(nn.Linear(8 * width, 4 * width), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(4 * width, classes)

    def forward(self, image: Tensor, audio: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, 1, 28, 28) and spectrograms (n, 1, 32, 32)."""
        logits: Tensor = self.head(self.mix(torch.cat([self.image(image), self.audio(audio)], 1)))
        return logits


class Tutorial(nn.Module):
    """The network of docs/own-model.md, for pictures (1, 8, 8)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
        convolutions += [nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()]
        pooled = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 128), nn.ReLU()]
        self.body, self.head = nn.Sequential(*convolutions, *pooled), nn.Linear(128, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, 1, 8, 8)."""
        logits: Tensor = self.head(self.body(image))
        return logits


class Mlp(nn.Module):
    """Linear layers with ReLU between."""

    def __init__(self, features: int, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        hidden = [layer for pair in pairwise((features, *widths)) for layer in (nn.Linear(*pair), nn.ReLU())]
        self.body, self.head = nn.Sequential(*hidden), nn.Linear(widths[-1], classes)

    def forward(self, table: Tensor) -> Tensor:
        """Logits (n, classes) of rows (n, features)."""
        logits: Tensor = self.head(self.body(table))
        return logits


def mobilenet_v2(classes: int = 10, width: float = 1.0) -> MobileNetV2:
    """A MobileNetV2-shaped network for pictures (3, 32, 32); channels are `width` times the plain ones, in eights."""
    return MobileNetV2(classes, width)


def resnet(classes: int = 10, depth: int = 8, width: int = 16, stride: int = 1) -> ResNet:
    """ResNet-8, -14, -20 for pictures (3, 32, 32); maps are 32 / `stride` wide at first."""
    return ResNet(classes, depth, width, stride)


def text_transformer(
    vocabulary: int = 16_000,
    tokens: int = 256,
    classes: int = 2,
    *,
    d: int = 96,
    layers: int = 2,
    heads: int = 4,
    pre_norm: bool = True,
    dropout: float = 0.1,
) -> TextTransformer:
    """A transformer on token ids (tokens,), 0 padding."""
    return TextTransformer(
        vocabulary, tokens, classes, d=d, layers=layers, heads=heads, pre_norm=pre_norm, dropout=dropout
    )


def bag(vocabulary: int = 16_000, classes: int = 2, d: int = 96) -> Bag:
    """A bag of embeddings on token ids (tokens,), 0 padding."""
    return Bag(vocabulary, classes, d)


def late_fusion(classes: int = 10, width: int = 32) -> AudioVisual:
    """Late fusion on `image` (1, 28, 28) and `audio` (1, 32, 32)."""
    return AudioVisual(classes, width)


def mlp(features: int, classes: int = 2, widths: Sequence[int] = (256, 256, 128)) -> Mlp:
    """A multilayer perceptron on `table` (features,)."""
    return Mlp(features, classes, widths)


def _unit(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU6()


def _encoder(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _scaled(channels: int, width: float) -> int:
    return max(8, round(channels * width / 8) * 8)


def _mean(states: Tensor, written: Tensor) -> Tensor:
    """Mean of states (n, tokens, d) over the tokens that are written (n, tokens): (n, d)."""
    return (states * written[..., None]).sum(1) / written.sum(1, keepdim=True).clamp(min=1)
