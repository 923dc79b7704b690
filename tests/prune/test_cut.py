"""Folding fractional gates, slicing layers, and refusing another architecture."""

from __future__ import annotations

import copy

import fusion_models
import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.network import MoE
from l0gm_edge.core.plan import PrunePlan, Slice
from l0gm_edge.core.recipe import Target
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.surgery import surgery
from l0gm_edge.models.moe import MoE as MoELayer
from l0gm_edge.prune.cut import cut, fold_gates, replay


class Chain(nn.Module):
    """Convolution, convolution, embedding width, experts, head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mix = nn.Conv2d(2, 5, 3), nn.Conv2d(5, 4, 1)
        self.face = nn.Linear(4, 6)
        self.moe = MoELayer(6, 3, 4, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.moe(self.face(self.mix(self.conv(x).relu()).relu().mean((2, 3)))))


def chain() -> tuple[Chain, Layout, dict[str, Tensor]]:
    torch.manual_seed(0)
    model, example = Chain().eval(), {"x": torch.randn(7, 2, 6, 6)}
    return model, Layout.of(survey(model, example).sites), example


def plan_of(model: nn.Module, layout: Layout, open_units: Tensor) -> PrunePlan:
    counts = ("units_before", "units_after", "parameters_before", "parameters_after", "macs_before", "macs_after")
    return PrunePlan(
        base_sha256="",
        target=Target(active_fraction=0.5),
        units_requested=None,
        expected_active_fraction=1,
        sites=(),
        **dict(surgery(model, layout, open_units)),
        **dict.fromkeys(counts, 0),
    )


def test_folded_gates_are_in_the_weights_that_read_them() -> None:
    model, layout, _ = chain()
    gates = torch.rand(layout.units, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.1
    folded = copy.deepcopy(model)
    fold_gates(folded, layout, gates)
    of = {site.name: gates[layout.span(site)] for site in layout.sites}
    torch.testing.assert_close(folded.mix.weight, model.mix.weight * of["conv"].view(1, -1, 1, 1))
    torch.testing.assert_close(folded.face.weight, model.face.weight * of["mix"])
    torch.testing.assert_close(folded.moe.experts[1].up.weight, model.moe.experts[1].up.weight * of["face"])
    torch.testing.assert_close(folded.moe.router.weight, model.moe.router.weight * of["face"])
    torch.testing.assert_close(folded.moe.router.bias, model.moe.router.bias + of["moe.experts"].log())
    widest = of["moe.experts"].max()
    last, its = model.moe.experts[1].down, folded.moe.experts[1].down
    torch.testing.assert_close(its.weight, last.weight * of["moe.experts.1.hidden"] * widest)
    torch.testing.assert_close(its.bias, last.bias * widest)
    torch.testing.assert_close(folded.head.weight, model.head.weight * of["moe"])
    assert torch.equal(folded.head.bias, model.head.bias)


def test_an_experts_gate_scales_its_routing_weight() -> None:
    model, layout, example = chain()
    gates = torch.ones(layout.units)
    experts = next(site for site in layout.sites if site.name == "moe.experts")
    gates[layout.span(experts)] = torch.tensor([0.9, 0.0, 0.3, 0.6])
    small = cut(model, layout, gates)
    hidden = model.face(model.mix(model.conv(example["x"]).relu()).relu().mean((2, 3)))
    odds = torch.exp(model.moe.router(hidden)) * gates[layout.span(experts)]
    kept, index = odds.topk(2)
    weights = torch.zeros_like(odds).scatter(1, index, kept / kept.sum(1, keepdim=True))
    mixed = 0.9 * sum(weights[:, [e]] * model.moe.experts[e](hidden) for e in range(4))  # the widest open gate
    torch.testing.assert_close(small(**example), model.head(mixed))
    assert len(small.moe.experts) == 3


def test_a_cut_layer_has_the_sizes_it_says() -> None:
    model, layout, example = chain()
    gates = torch.ones(layout.units)
    for site in layout.sites:
        gates[layout.offsets[site.name]] = 0
    before = copy.deepcopy(model.state_dict())
    small = cut(model, layout, gates)
    assert (small.conv.out_channels, small.mix.in_channels, small.mix.out_channels) == (4, 4, 3)
    assert (small.face.in_features, small.face.out_features) == (3, 5)
    for module in small.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.shape == (module.out_features, module.in_features)
            assert module.bias.shape == (module.out_features,)
            assert module.weight.requires_grad
            assert module.weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    small(**example).sum().backward()  # it can be trained on
    assert small.conv.weight.grad.shape == small.conv.weight.shape


def test_one_expert_left_is_a_dense_layer() -> None:
    model, layout, example = chain()
    gates = torch.ones(layout.units)
    experts = next(site for site in layout.sites if site.name == "moe.experts")
    gates[layout.span(experts)] = torch.tensor([0, 0, 0.7, 0])
    small = cut(model, layout, gates)
    assert small.moe.router is None
    hidden = model.face(model.mix(model.conv(example["x"]).relu()).relu().mean((2, 3)))
    torch.testing.assert_close(small(**example), model.head(0.7 * model.moe.experts[2](hidden)))


def test_a_model_that_has_just_trained_can_be_cut() -> None:
    model, layout, example = chain()
    model.train()(**example).sum().backward()
    small = cut(model, layout, torch.ones(layout.units))
    torch.testing.assert_close(small.eval()(**example), model.eval()(**example))


def test_the_wrong_architecture_is_refused() -> None:
    config = fusion_models.recipe()
    model = fusion_models.model(config)
    layout = Layout.of(survey(model, fusion_models.example()).sites)
    plan = plan_of(model, layout, torch.ones(layout.units) > 0)
    wider = config.model_copy(update={"model": config.model.model_copy(update={"latent": 24})})
    with pytest.raises(RefusedInput, match=r"has \d+ positions on axis") as refused:
        replay(fusion_models.model(wider), plan)
    assert "belongs to another architecture" in refused.value.allowed
    fewer = config.model_copy(update={"moe": MoE(experts=2, top_k=2, hidden=8)})
    with pytest.raises(RefusedInput, match=r"the model has no layer|positions on axis"):
        replay(fusion_models.model(fewer), plan)


@pytest.mark.parametrize(("module", "what"), [("conv.weight", "no layer"), ("act", "no positions")])
def test_a_plan_that_names_another_kind_of_layer_is_refused(module: str, what: str) -> None:
    model, layout, _ = chain()
    model.act = nn.ReLU()
    plan = plan_of(model, layout, torch.ones(layout.units) > 0)
    foreign = plan.model_copy(update={"slices": (Slice(module=module, axis="out", width=4, keep=(0,)),)})
    with pytest.raises(RefusedInput, match=what):
        replay(model, foreign)
