"""Random gates on a model, and what its cut differs by."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.inputs import Example
from l0gm_edge.gates.layout import Layout
from l0gm_edge.prune.cut import cut
from l0gm_edge.prune.verify import relative_difference


def random_gates(layout: Layout, seed: int) -> Tensor:
    """About 40 % closed, at least one open in every site; open ones anywhere in (0, 1], or 1 where they are hard."""
    generator = torch.Generator().manual_seed(seed)
    gates = torch.rand(layout.units, generator=generator) * 0.9 + 0.1
    gates[torch.rand(layout.units, generator=generator) < 0.4] = 0
    for site in layout.sites:
        if not gates[layout.span(site)].any():
            gates[layout.offsets[site.name]] = 0.7
    return layout.alive(torch.where(layout.hard, gates.gt(0).float(), gates))


def cut_and_compared(model: nn.Module, layout: Layout, example: Example, seed: int) -> tuple[nn.Module, Tensor, float]:
    """A random cut of the model, its gates, and how far it is from the model with these gates on."""
    gates = random_gates(layout, seed)
    small = cut(model, layout, gates)
    gating = Gating(model, layout, lambda training: gates)
    try:
        return small, gates, relative_difference(model, small, example)
    finally:
        gating.remove()
