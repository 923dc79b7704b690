"""Networks whose layers join in a way that is given as a function."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from l0gm_edge.gates.groups import survey

Body = Callable[[nn.ModuleDict, Tensor], Tensor]


class Net(nn.Module):
    """Named layers, and a forward pass given as a function."""

    def __init__(self, body: Body, **layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.body = body
        self.offset = nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.layers, x)


def lin(before: int, after: int) -> nn.Linear:
    return nn.Linear(before, after)


def conv(before: int, after: int, **more: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, **more)


def sites(net: nn.Module, x: Tensor | None = None) -> dict[str, int]:
    """Width of each site by name, without the prefix of the layer dictionary."""
    found = survey(net, {"x": torch.randn(2, 8) if x is None else x}).sites
    return {site.name.removeprefix("layers."): site.width for site in found}
