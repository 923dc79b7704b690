"""Small networks that use torch in ways in which people do: attention written by hand, bare parameters, recurrence."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, HEADS, TOKENS = 12, 3, 5
Made = tuple[nn.Module, Tensor]


class Net(nn.Module):
    """Named layers `m`, bare parameters, and a forward pass given as a function of the network and its input."""

    def __init__(self, body: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.m = nn.ModuleDict(layers)
        self.body = body
        self.start = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.position = nn.Parameter(torch.randn(1, TOKENS + 1, WIDTH))
        self.scale = nn.Parameter(torch.full((WIDTH,), 1e-5))
        self.register_buffer("waves", torch.randn(1, TOKENS, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Whatever the body does."""
        return self.body(self, self.m, x)


class FusedBlock(nn.Module):
    """A residual block as vision transformers have it: fused projections, scales that start near zero."""

    def __init__(self, configured: bool = False) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.project = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 20), nn.Linear(20, WIDTH)
        self.gamma = nn.Parameter(torch.full((WIDTH,), 1e-5))
        self.head_dim = WIDTH // HEADS
        self.config = SimpleNamespace(heads=HEADS) if configured else None
        if not configured:
            self.num_heads = HEADS

    def forward(self, x: Tensor) -> Tensor:
        """Attend over axis 1, then map each token."""
        n, tokens, _ = x.shape
        heads = self.num_heads if self.config is None else self.config.heads
        shape = (n, tokens, 3, heads, self.head_dim)
        q, k, v = self.qkv(self.before(x)).reshape(shape).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * self.head_dim**-0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(n, tokens, heads * self.head_dim)
        x = x + self.gamma * self.project(mixed)
        return x + self.down(F.gelu(self.up(self.between(x))))


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.norm, self.b = (
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to itself."""
        return F.relu(x + self.b(F.relu(self.norm(self.a(x)))))


class RmsNorm(nn.Module):
    """As everybody writes it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), 1e-6

    def forward(self, x: Tensor) -> Tensor:
        """Divide by the root mean square."""
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def lin(before: int = WIDTH, after: int = WIDTH) -> nn.Linear:
    return nn.Linear(before, after)


def conv(before: int, after: int, **more: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, **more)


def tokens() -> Tensor:
    return torch.randn(2, TOKENS, WIDTH)


def picture() -> Tensor:
    return torch.randn(2, 3, 8, 8)


def by_einsum(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    """Attention in two einsums."""
    q, k, v = (layer(x).unflatten(-1, (-1, WIDTH // HEADS)) for layer in (m.q, m.k, m.v))
    weights = torch.einsum("bqhd,bkhd->bhqk", q, k).div(2).softmax(-1)
    return m.out(m.project(torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2)))


def by_bmm(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    """Attention with heads in the batch dimension."""
    n, width = len(x), WIDTH // HEADS
    heads = m.q.out_features // width
    q, k, v = (
        layer(x).view(n, TOKENS, heads, width).transpose(1, 2).reshape(n * heads, TOKENS, width)
        for layer in (m.q, m.k, m.v)
    )
    weights = torch.bmm(q, k.transpose(1, 2)).div(2).softmax(-1)
    mixed = torch.bmm(weights, v).view(n, heads, TOKENS, width).transpose(1, 2).reshape(n, TOKENS, -1)
    return m.out(m.project(mixed))


def with_fewer_key_heads(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    """Attention in which two query heads share a key head."""
    q = m.q(x).unflatten(-1, (-1, 2)).transpose(1, 2)
    k, v = (layer(x).unflatten(-1, (-1, 2)).transpose(1, 2) for layer in (m.k, m.v))
    return m.out(m.project(F.scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2).flatten(2)))


def rotary(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    """Attention with rotary positions."""
    q, k, v = (layer(x).unflatten(-1, (-1, WIDTH // HEADS)).transpose(1, 2) for layer in (m.q, m.k, m.v))
    angle = torch.arange(float(TOKENS))[:, None] * torch.tensor([1.0, 0.1]).repeat(2)

    def turned(x: Tensor) -> Tensor:
        first, second = x[..., : WIDTH // HEADS // 2], x[..., WIDTH // HEADS // 2 :]
        return x * angle.cos() + torch.cat([-second, first], -1) * angle.sin()

    return m.out(m.project(F.scaled_dot_product_attention(turned(q), turned(k), v).transpose(1, 2).flatten(2)))


def projections() -> dict[str, nn.Module]:
    return {name: lin() for name in ("q", "k", "v", "project")} | {"out": lin(after=3)}


def pooled(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    return m.out(m.norm(m.b(m.a(x))).relu().mean((2, 3)))


def attended(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    return m.out(m.attention(m.a(x), m.b(x), m.b(x))[0])


def recurred(net: Net, m: nn.ModuleDict, x: Tensor) -> Tensor:
    return m.out(m.recurrent(m.a(x))[0])


def encoder(**options: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 20, **options)
    return nn.Sequential(lin(), nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), lin(after=4))


NETWORKS: dict[str, Callable[[], Made]] = {
    "bare parameters": lambda: (
        Net(
            lambda net, m, x: m.out(
                m.norm(torch.cat([net.start.expand(len(x), -1, -1), m.a(x)], 1) + net.position) * net.scale
            ),
            a=lin(),
            norm=nn.LayerNorm(WIDTH),
            out=lin(after=3),
        ),
        tokens(),
    ),
    "positions in a buffer": lambda: (
        Net(lambda net, m, x: m.out(m.a(x) + net.waves), a=lin(), out=lin(after=3)),
        tokens(),
    ),
    "attention by einsum": lambda: (Net(by_einsum, **projections()), tokens()),
    "attention by bmm": lambda: (Net(by_bmm, **projections()), tokens()),
    "grouped queries": lambda: (
        Net(with_fewer_key_heads, **projections() | {"k": lin(after=6), "v": lin(after=6)}),
        tokens(),
    ),
    "rotary positions": lambda: (Net(rotary, **projections()), tokens()),
    "fused projections": lambda: (
        nn.Sequential(lin(), nn.Sequential(*(FusedBlock() for _ in range(3))), lin(after=4)),
        tokens(),
    ),
    "heads in a configuration": lambda: (nn.Sequential(lin(), FusedBlock(configured=True), lin(after=4)), tokens()),
    "an RMS norm of one's own": lambda: (
        Net(lambda net, m, x: m.out(m.norm(m.a(x))), a=lin(), norm=RmsNorm(WIDTH), out=lin(after=3)),
        tokens(),
    ),
    "torch's RMS norm": lambda: (
        Net(lambda net, m, x: m.out(m.norm(m.a(x))), a=lin(), norm=nn.RMSNorm(WIDTH), out=lin(after=3)),
        tokens(),
    ),
    "grouped convolution": lambda: (
        Net(pooled, a=conv(3, 8), b=conv(8, 12, groups=4), norm=nn.BatchNorm2d(12), out=lin(after=3)),
        picture(),
    ),
    "depthwise with a multiplier": lambda: (
        Net(pooled, a=conv(3, 8), b=conv(8, 16, groups=8), norm=nn.BatchNorm2d(16), out=lin(16, 3)),
        picture(),
    ),
    "group norm": lambda: (Net(pooled, a=conv(3, 8), b=conv(8, 8), norm=nn.GroupNorm(4, 8), out=lin(8, 3)), picture()),
    "group norm over everything": lambda: (
        Net(pooled, a=conv(3, 8), b=conv(8, 8), norm=nn.GroupNorm(1, 8), out=lin(8, 3)),
        picture(),
    ),
    "transposed convolution": lambda: (
        Net(pooled, a=conv(3, 8), b=nn.ConvTranspose2d(8, 6, 2, 2), norm=nn.PReLU(6), out=lin(6, 3)),
        picture(),
    ),
    "residual convolutions": lambda: (
        nn.Sequential(
            conv(3, 8),
            nn.Sequential(*(Residual(8) for _ in range(3))),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            lin(8, 4),
        ),
        picture(),
    ),
    "torch's attention": lambda: (
        Net(
            attended,
            a=lin(),
            b=lin(),
            attention=nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, add_bias_kv=True, add_zero_attn=True),
            out=lin(after=3),
        ),
        tokens(),
    ),
    "torch's attention, keys of another width": lambda: (
        Net(
            attended,
            a=lin(),
            b=lin(after=7),
            attention=nn.MultiheadAttention(WIDTH, HEADS, kdim=7, vdim=7),
            out=lin(after=3),
        ),
        tokens(),
    ),
    "torch's encoder": lambda: (encoder(batch_first=True), tokens()),
    "torch's encoder, norms first": lambda: (encoder(norm_first=True), tokens()),
    "GRU": lambda: (Net(recurred, a=lin(), recurrent=nn.GRU(WIDTH, 8, batch_first=True), out=lin(8, 3)), tokens()),
    "two-layer LSTM both ways": lambda: (
        Net(
            recurred,
            a=lin(),
            recurrent=nn.LSTM(WIDTH, 8, num_layers=2, bidirectional=True, batch_first=True),
            out=lin(16, 3),
        ),
        tokens(),
    ),
}
