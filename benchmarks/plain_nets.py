"""Networks of shipped recipes, written plainly in torch as a person would for one task, with the same weights by the
same names: what our own are held against in `training.py`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Feed(nn.Module):
    """Linear, ReLU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width) to (n, width)."""
        return self.down(self.up(x).relu())


class Experts(nn.Module):
    """Top-k routing with a loop over experts, each of which reads the rows that chose it."""

    def __init__(self, width: int, hidden: int, experts: int, top_k: int, *, plain: bool) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts)
        self.experts = nn.ModuleList(Feed(width, hidden) for _ in range(experts))
        self.top_k, self.plain = top_k, plain
        self.balance = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        rows = x.flatten(0, -2)
        logits = self.router(rows)
        values, chosen = logits.topk(self.top_k)
        weights = logits.softmax(-1).gather(1, chosen) if self.plain else values.softmax(-1)
        importance = logits.softmax(-1).sum(0)
        self.balance = (importance / importance.mean() - 1).square().mean()
        out = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            row, slot = torch.where(chosen == number)
            out.index_add_(0, row, weights[row, slot, None] * expert(rows[row]))
        return out.view_as(x)


class Maps(nn.Module):
    """Convolutions, then a layer on the last map."""

    def __init__(self, widths: tuple[int, ...], positions: int, out: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, (before, width) in enumerate(zip((1, *widths), widths, strict=False)):
            layers += [nn.Conv2d(before, width, 3, 1 if depth == 0 else 2, 1, bias=False), nn.BatchNorm2d(width)]
            layers.append(nn.ReLU())
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.interface = nn.Linear(widths[-1] * positions, out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 1, height, width) to (n, out)."""
        return self.interface(self.dropout(F.avg_pool2d(self.body(x), 2).flatten(1))).relu()


class Table(nn.Module):
    """Two linear layers."""

    def __init__(self, features: int, width: int, out: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Dropout(dropout))
        self.interface = nn.Linear(width, out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, features) to (n, out)."""
        return self.interface(self.body(x)).relu()


class Late(nn.Module):
    """Encoders, joined; experts beside a shortcut; a head."""

    def __init__(self, encoders: dict[str, nn.Module], joined: int, latent: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = nn.Linear(joined, latent)
        self.dropout = nn.Dropout(0.1)
        self.moe = Experts(latent, hidden, 8, 2, plain=False)
        self.head = nn.Linear(latent, classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Map one batch a modality to logits."""
        joined = torch.cat([encoder(inputs[name]) for name, encoder in self.encoders.items()], 1)
        latent = self.dropout(self.fusion(joined).relu())
        return self.head(latent + self.moe(latent))


class Patches(nn.Module):
    """Square patches of a picture through one linear layer, with a vector for each place."""

    def __init__(self, count: int, patch: int, width: int) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(patch * patch, width)
        self.position = nn.Parameter(torch.randn(count, width) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 1, height, width) to (n, count, width)."""
        return self.project(F.unfold(x, self.patch, stride=self.patch).transpose(1, 2)) + self.position


class Attention(nn.Module):
    """Self-attention of four heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.project = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same shape."""
        parts = [layer(x).unflatten(-1, (4, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)]
        return self.project(F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A pre-norm transformer block with experts."""

    def __init__(self, width: int, hidden: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width)
        self.feed_forward = Experts(width, hidden, experts, 1, plain=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same shape."""
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class Trunk(nn.Module):
    """Two blocks, a norm, and the mean over tokens."""

    def __init__(self, width: int, hidden: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, hidden, experts, dropout) for _ in range(2)))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, tokens, width) to (n, width)."""
        return self.norm(self.blocks(x)).mean(1)


class Early(nn.Module):
    """The tokens of a picture and a sound in one transformer."""

    def __init__(self, width: int, hidden: int, experts: int, dropout: float, classes: int) -> None:
        super().__init__()
        tokenizers = {"audio": Patches(16, 8, width), "image": Patches(16, 7, width)}
        self.tokenizers = nn.ModuleDict(tokenizers)
        self.dropout = nn.Dropout(dropout)
        self.trunk = Trunk(width, hidden, experts, dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Map one batch a modality to logits."""
        tokens = torch.cat([tokenizer(inputs[name]) for name, tokenizer in self.tokenizers.items()], 1)
        return self.head(self.trunk(self.dropout(tokens)))


def adult() -> Late:
    """`recipes/adult.yaml`."""
    return Late({"table": Table(188, 96, 32, 0.2)}, 32, 32, 16, 2)


def avmnist() -> Late:
    """`recipes/avmnist.yaml`."""
    image, audio = Maps((16, 32, 64), 9, 64, 0.1), Maps((16, 32, 64, 96), 4, 64, 0.2)
    return Late({"audio": audio, "image": image}, 128, 64, 64, 10)


def nmm() -> Early:
    """`recipes/nmm-avmnist.yaml`."""
    return Early(48, 96, 8, 0.1, 10)
