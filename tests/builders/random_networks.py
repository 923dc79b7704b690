"""Randomly generated networks that join layers in every way a cut must follow."""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor, nn

from l0gm_edge.models.attention import SelfAttention
from l0gm_edge.models.moe import MoE


class ConvolutionBlock(nn.Module):
    """Convolution, normalisation and activation; depthwise, residual or concatenating by chance."""

    def __init__(self, random: Random, before: int) -> None:
        super().__init__()
        self.join = random.choice(["plain", "depthwise", "residual", "concat"])
        width = before if self.join == "residual" else random.choice([4, 6, 10])
        bias = random.random() < 0.5
        self.conv = nn.Conv2d(before, width, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(width) if random.random() < 0.7 else nn.Identity()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width) if self.join == "depthwise" else None
        self.activation = random.choice([nn.ReLU(), nn.SiLU(), nn.Sigmoid()])
        self.width = before + width if self.join == "concat" else width

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.norm(self.conv(x)))
        if self.depthwise is not None:
            return self.activation(self.depthwise(y))
        return x + y if self.join == "residual" else torch.cat([x, y], 1) if self.join == "concat" else y


class TokenBlock(nn.Module):
    """A residual transformer block: attention and either a feed-forward layer or experts, each after a norm."""

    def __init__(self, random: Random, width: int) -> None:
        super().__init__()
        self.heads = random.choice([2, 4])
        self.before_attention, self.before_mixing = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, self.heads)
        self.mixing: nn.Module = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.before_attention(x))
        return x + self.mixing(self.before_mixing(x))


class Network(nn.Module):
    """An image branch and a token branch, concatenated, normalised by chance, then experts and a head."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        random = Random(seed)
        blocks: list[nn.Module] = []
        width = 2
        for _ in range(random.randint(1, 3)):
            block = ConvolutionBlock(random, width)
            blocks.append(block)
            width = block.width
        self.stem = nn.Conv2d(1, 2, 3, padding=1)
        self.image = nn.Sequential(*blocks)
        self.flatten = random.random() < 0.5
        tokens = 8
        self.embed = nn.Linear(3, tokens)
        self.blocks = nn.Sequential(*(TokenBlock(random, tokens) for _ in range(random.randint(1, 2))))
        joined = (width * 16 if self.flatten else width) + tokens
        self.norm = nn.LayerNorm(joined) if random.random() < 0.5 else nn.Identity()
        self.fusion = nn.Linear(joined, 12)
        experts = random.choice([1, 3, 4])
        self.moe = MoE(12, 6, experts, min(2, experts))
        self.final_norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 5)
        self._randomise_statistics()

    def forward(self, image: Tensor, series: Tensor) -> Tensor:
        pixels = self.image(self.stem(image))
        pixels = pixels.flatten(1) if self.flatten else pixels.mean((2, 3))
        tokens = self.blocks(self.embed(series)).mean(1)
        latent = self.fusion(self.norm(torch.cat([pixels, tokens], -1))).relu()
        return self.head(self.final_norm(latent + self.moe(latent)))

    def _randomise_statistics(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)


def example(n: int = 2) -> dict[str, Tensor]:
    return {"image": torch.randn(n, 1, 4, 4), "series": torch.randn(n, 5, 3)}
