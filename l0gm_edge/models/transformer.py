"""Pre-norm transformer blocks (arXiv 1706.03762, norms moved before the layers: arXiv 2002.04745)."""

from __future__ import annotations

from torch import Tensor, nn

from l0gm_edge.models.attention import SelfAttention
from l0gm_edge.models.rows import Rows


class Block(nn.Module):
    """Self-attention, then a feed-forward layer, each behind a norm and beside a shortcut.

    (n, tokens, width) -> (n, tokens, width); `bias`, if any, is added to the attention scores, and `rows`, if any, are
    told to a feed-forward layer of experts.
    """

    def __init__(self, width: int, heads: int, feed_forward: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.feed_forward = feed_forward
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor | None = None, rows: Rows | None = None) -> Tensor:
        """Map states to states of the same shape."""
        return self.fed(self.attended(x, bias), rows)

    def attended(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Its first half: what the tokens make of each other."""
        out: Tensor = x + self.dropout(self.attention(self.norm1(x), bias))
        return out

    def fed(self, x: Tensor, rows: Rows | None = None) -> Tensor:
        """Its second half: what each makes of itself."""
        told = () if rows is None else (rows,)
        out: Tensor = x + self.dropout(self.feed_forward(self.norm2(x), *told))
        return out


def gelu_layers(width: int, hidden: int) -> nn.Sequential:
    """A feed-forward layer: Linear, GELU, Linear."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


def attention_bias(present: Tensor) -> Tensor:
    """What keeps absent tokens from being looked at: (n, tokens) of ones and zeros -> (n, 1, 1, tokens).

    A finite number, so that int8 ranges and a row without any token stay sound.
    """
    return (present[:, None, None, :] - 1.0) * 1e4
