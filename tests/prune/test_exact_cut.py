"""The cut model equals the gated one, over random networks, random closed sets and random statistics."""

from __future__ import annotations

import pytest
import random_networks
import torch
from closed_gates import random_gates

from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.recipe import SiteKind, Target
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.size import size_model
from l0gm_edge.gates.surgery import surgery
from l0gm_edge.prune.cut import cut, replay
from l0gm_edge.prune.verify import TOLERANCE, relative_difference


def plan_of(model: torch.nn.Module, layout: Layout, gates: torch.Tensor) -> PrunePlan:
    done = surgery(model, layout, gates > 0)
    zeros = dict.fromkeys(
        ("units_before", "units_after", "parameters_before", "parameters_after", "macs_before", "macs_after"), 0
    )
    return PrunePlan(
        base_sha256="", target=Target(active_fraction=0.6), units_requested=None, expected_active_fraction=1, sites=(),
        **dict(done), **zeros,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(120))
def test_the_cut_network_equals_the_gated_one(seed: int) -> None:
    torch.manual_seed(seed)
    model, example = random_networks.Network(seed).eval(), random_networks.example()
    layout = Layout.of(survey(model, example).sites)
    gates = random_gates(layout, seed)
    untouched = {name: value.clone() for name, value in model.state_dict().items()}
    small = cut(model, layout, gates)
    gating = Gating(model, layout, lambda training: gates)
    inputs = random_networks.example(16)

    assert relative_difference(model, small, inputs) <= TOLERANCE
    size = size_model(random_networks.Network(seed), layout, example)
    alone = sum(
        site.kind is SiteKind.EXPERTS and int(gates[layout.span(site)].gt(0).sum()) == 1 for site in layout.sites
    )
    if not alone:  # a router that has one expert left is removed as well, which the size model does not foresee
        assert sum(p.numel() for p in small.parameters()) == round(float(size.parameters(gates > 0)))
        layout_small = Layout.of(survey(small, example).sites)
        whole = size_model(small, layout_small, example).macs(torch.ones(layout_small.units))
        assert round(float(whole)) == round(float(size.macs(gates > 0)))
    gating.remove()
    assert all(torch.equal(value, untouched[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_replayed_on_the_architecture_takes_the_cut_weights(seed: int) -> None:
    model, example = random_networks.Network(seed).eval(), random_networks.example()
    layout = Layout.of(survey(model, example).sites)
    gates = random_gates(layout, seed)
    plan = plan_of(model, layout, gates)
    small = cut(model, layout, gates)

    torch.manual_seed(seed + 1)
    rebuilt = replay(random_networks.Network(seed), PrunePlan.model_validate_json(plan.model_dump_json())).eval()
    rebuilt.load_state_dict(small.state_dict())

    inputs = random_networks.example(4)
    assert torch.equal(rebuilt(**inputs), small(**inputs))
