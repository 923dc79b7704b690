"""Multi-head attention that knows its heads: of tokens to each other, and to other tokens."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Axis, Member, Site


class SelfAttention(nn.Module):
    """Scaled dot-product self-attention; (n, tokens, features) -> (n, tokens, features)."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, features // heads
        self.query, self.key, self.value = (nn.Linear(features, heads * self.head_width) for _ in range(3))
        self.project = nn.Linear(heads * self.head_width, features)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend over axis 1; `bias`, of a shape that spreads to (n, heads, tokens, tokens), is added to the scores."""
        return self.attend(x, x, bias)

    def attend(self, x: Tensor, read: Tensor, bias: Tensor | None) -> Tensor:
        """What the tokens of `x` make of those of `read`."""
        query, key, value = (
            layer(tokens).view(*tokens.shape[:2], self.heads, self.head_width).transpose(1, 2)
            for layer, tokens in ((self.query, x), (self.key, read), (self.value, read))
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2)
        out: Tensor = self.project(mixed.reshape(*x.shape[:2], self.heads * self.head_width))
        return out

    @property
    def in_features(self) -> int:
        """Width of what query, key and value read."""
        return self.query.in_features

    @property
    def out_features(self) -> int:
        """Width of what the projection gives."""
        return self.project.out_features

    def parts(self, axis: Axis) -> tuple[tuple[str, Axis], ...]:
        """Query, key and value read; the projection gives."""
        return tuple((name, axis) for name in (("query", "key", "value") if axis == "in" else ("project",)))

    def inner_sites(self) -> tuple[Site, ...]:
        """The heads."""
        positions = tuple(range(self.heads * self.head_width))
        head_of = tuple(position // self.head_width for position in positions)
        every = tuple(range(self.heads))
        members = (
            Member("", "units", every, every),
            *(Member(name, "out", positions, head_of) for name in ("query", "key", "value")),
            Member("project", "in", positions, head_of),
        )
        return (Site("heads", SiteKind.HEADS, self.heads, members),)

    def keep_units(self, units: tuple[int, ...]) -> None:
        """Keep these heads; the four layers are cut with them."""
        self.heads = len(units)


class CrossAttention(SelfAttention):
    """Attention of tokens to others of the same space; (n, tokens, features), (n, read, features) -> like the first.

    The space's width is one site for both.
    """

    inputs = 2

    def forward(self, x: Tensor, read: Tensor, bias: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Attend to `read`; `bias` spreads to (n, heads, tokens, read)."""
        return self.attend(x, read, bias)
