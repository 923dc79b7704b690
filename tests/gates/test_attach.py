"""Gates on a model: what they close, what they leave alone, and that they come off again."""

from __future__ import annotations

import copy

import awkward_networks
import fusion_models
import pytest
import random_networks
import torch
from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.learn.router_losses import importance


@pytest.mark.parametrize("seed", range(8))
def test_open_gates_change_nothing_and_removed_ones_leave_no_trace(seed: int) -> None:
    torch.manual_seed(seed)
    model, example = random_networks.Network(seed).eval(), random_networks.example()
    before = model(**example)
    layout = Layout.of(survey(model, example).sites)
    gating = Gating(model, layout, lambda training: torch.ones(layout.units))
    torch.testing.assert_close(model(**example), before, rtol=1e-5, atol=1e-5)
    gating.remove()
    gating.remove()  # taking them off again is no error
    assert torch.equal(model(**example), before)
    assert all("forward" not in module.__dict__ for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_gates_are_drawn_once_a_pass_and_told_whether_it_trains() -> None:
    model, example = random_networks.Network(0), random_networks.example()
    layout = Layout.of(survey(model, example).sites)
    asked: list[bool] = []

    def source(training: bool) -> Tensor:
        asked.append(training)
        return torch.ones(layout.units)

    Gating(model, layout, source)
    model.train()(**example)
    model.eval()(**example)
    assert asked == [True, False]


def test_gradients_reach_the_gates_of_every_site() -> None:
    config = fusion_models.recipe()
    model = fusion_models.model(config).eval()
    model.moe.top_k = len(model.moe.experts)  # else an expert may get no row
    example = fusion_models.example(64)
    layout = Layout.of(survey(model, example, model.interface_layers()).sites)
    gates = torch.full((layout.units,), 0.9, requires_grad=True)
    Gating(model, layout, lambda training: gates)
    model(**example).square().sum().backward()
    assert bool(gates.grad.isfinite().all())
    for site in layout.sites:
        assert bool(gates.grad[layout.span(site)].any()), site.name  # some units ReLU silences on all rows


def test_a_closed_expert_gets_no_weight_and_an_open_gate_scales_it() -> None:
    model = fusion_models.model(fusion_models.recipe()).eval()
    moe = model.moe
    layout = Layout.of([site for site in survey(model, fusion_models.example()).sites if site.kind is SiteKind.EXPERTS])
    gates = torch.tensor([0.0, 0.25, 0.8, 0.0])
    Gating(model, layout, lambda training: gates)
    model(**fusion_models.example())  # draws the gates
    x = torch.randn(9, 20)
    odds = torch.exp(x @ moe.router.weight.T + moe.router.bias) * gates
    weights = odds / odds.sum(1, keepdim=True)
    expected = 0.8 * sum(weights[:, [e]] * moe.experts[e](x) for e in (1, 2))  # the widest open gate
    torch.testing.assert_close(moe(x), expected)


def test_all_experts_closed_by_one_draw_give_nothing_and_finite_gradients() -> None:
    model = fusion_models.model(fusion_models.recipe()).train()
    layout = Layout.of([site for site in survey(model, fusion_models.example()).sites if site.kind is SiteKind.EXPERTS])
    gates = torch.zeros(layout.units, requires_grad=True)
    Gating(model, layout, lambda training: gates)
    out = model(**fusion_models.example(8))
    (out.sum() + importance(model.moe.routed.logits)).backward()
    assert bool(out.isfinite().all())
    assert bool(gates.grad.isfinite().all())
    assert not model.moe(torch.randn(3, 20)).any()


def test_a_closed_unit_of_a_normalised_width_leaves_the_statistics() -> None:
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2)).eval()

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = wide

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    model, x = Named(), torch.randn(5, 4)
    layout = Layout.of(survey(model, {"x": x}).sites)
    gates = torch.tensor([1.0, 0, 1, 1, 0, 1])
    Gating(model, layout, lambda training: gates)
    keep = [0, 2, 3, 5]
    hidden = nn.functional.layer_norm(wide[0].forward(x)[:, keep], (4,), wide[1].weight[keep], wide[1].bias[keep])
    expected = hidden @ wide[2].weight[:, keep].T + wide[2].bias
    torch.testing.assert_close(model(x), expected)


def test_a_gated_model_can_be_copied_after_a_pass_that_learns() -> None:
    model, example = random_networks.Network(0).eval(), random_networks.example()
    layout = Layout.of(survey(model, example).sites)
    gates = torch.full((layout.units,), 0.9, requires_grad=True)
    Gating(model, layout, lambda training: gates)
    out = model(**example)
    torch.testing.assert_close(copy.deepcopy(model)(**example), out)


@pytest.mark.parametrize("name", ["torch's encoder", "GRU", "torch's RMS norm", "residual convolutions"])
def test_gates_of_any_layer_get_gradients_and_work_under_autocast(name: str) -> None:
    torch.manual_seed(0)
    model, example = awkward_networks.NETWORKS[name]()
    layout = Layout.of(survey(model.eval(), example).sites)
    gates = torch.full((layout.units,), 0.9, requires_grad=True)
    gating = Gating(model, layout, lambda training: gates)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(example)
    out.float().square().sum().backward()
    for site in layout.sites:
        assert bool(gates.grad[layout.span(site)].any()), site.name
    gating.remove()
    assert all("forward" not in module.__dict__ for module in model.modules())


def test_a_site_of_blocks_scales_what_each_block_adds() -> None:
    model, x = awkward_networks.NETWORKS["residual convolutions"]()
    found = survey(model.eval(), x).sites
    layout = Layout.of([site for site in found if site.kind is SiteKind.BLOCKS])
    Gating(model, layout, lambda training: torch.tensor([1.0, 0.25, 0.0]))
    first, second, _ = (nn.Sequential(block) for block in model[1])
    before = model[0](x)
    between = first[0].forward(before)
    expected = between + 0.25 * (second[0].forward(between) - between)
    torch.testing.assert_close(model(x), model[2:](expected))
