"""The size model against counts of really cut models, and against counts by hand."""

from __future__ import annotations

import pytest
import random_networks
import torch
from torch import Tensor, nn

from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.size import SizeModel, size_model


class Small(nn.Module):
    def __init__(self, tied: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.embed = nn.Linear(8, 6)
        self.scale = nn.Parameter(torch.ones(5))
        self.head = nn.Linear(6, 4)
        self.again = nn.Linear(6, 4, bias=False)
        if tied:
            self.again.weight = self.head.weight

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(self.deep(self.norm(self.conv(x))).mean((2, 3))).relu()
        return self.head(h) + self.again(h)


def sized(model: nn.Module, example: dict[str, Tensor]) -> tuple[Layout, SizeModel]:
    layout = Layout.of(survey(model, example).sites)
    return layout, size_model(model, layout, example)


def test_counts_by_hand() -> None:
    layout, size = sized(Small(), {"x": torch.randn(2, 3, 4, 5)})
    assert [site.width for site in layout.sites] == [8, 6]
    gates = torch.cat([torch.ones(5), torch.zeros(3), torch.ones(2), torch.zeros(4)])
    convolutions, linears = 3 * 9 * 5 + 5 + 2 * 5 + 9 * 5, 5 * 2 + 2 + 2 * 4 + 4 + 2 * 4
    assert float(size.parameters(gates)) == convolutions + linears + 5
    assert float(size.macs(gates)) == 20 * (3 * 9 * 5 + 9 * 5) + 5 * 2 + 2 * 2 * 4
    assert float(size.units(gates)) == 7


@pytest.mark.parametrize("tied", [False, True])
def test_the_whole_model_has_the_parameters_it_has(tied: bool) -> None:
    model = Small(tied)
    layout, size = sized(model, {"x": torch.randn(2, 3, 4, 4)})
    assert float(size.parameters(torch.ones(layout.units))) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("seed", range(6))
def test_sizes_grow_with_every_gate(seed: int) -> None:
    layout, size = sized(random_networks.Network(seed), random_networks.example())
    gates = torch.rand(layout.units, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    for count in (size.parameters, size.macs, size.units):
        (slope,) = torch.autograd.grad(count(gates), gates)
        assert bool((slope >= 0).all())
        assert bool(slope.any())


def test_measuring_leaves_the_model_as_it_was() -> None:
    model = Small().train()
    model.norm.eval()
    layout = Layout.of(survey(model, {"x": torch.randn(2, 3, 4, 4)}).sites)
    statistics = model.norm.running_mean.clone()
    size_model(model, layout, {"x": torch.randn(2, 3, 4, 4)})
    assert torch.equal(model.norm.running_mean, statistics)
    assert [name for name, module in model.named_modules() if not module.training] == ["norm"]
    assert not any(module._forward_hooks for module in model.modules())
