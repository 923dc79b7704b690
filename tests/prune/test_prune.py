"""The prune stage: a plan that says what was cut, and a proof that nothing else changed."""

from __future__ import annotations

import fusion_models
import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.recipe import SiteKind, Target
from l0gm_edge.models.fusion.late import LateFusion
from l0gm_edge.prune.cut import replay
from l0gm_edge.prune.prune import Pruned, multiples, prune
from l0gm_edge.prune.verify import TOLERANCE, relative_difference, verify


def pruned(fraction: float = 0.4) -> tuple[LateFusion, Pruned]:
    torch.manual_seed(0)
    config = fusion_models.recipe(Target(active_fraction=fraction))
    model = fusion_models.model(config)
    session = fusion_models.session(config, model, multiples(ChannelMultiple(convolution=2, linear=1)))
    session.begin(2)
    return model, prune(model, session, fusion_models.example(8), "digest", 0)


def test_the_cut_is_proved_and_the_plan_tells_what_is_left() -> None:
    model, found = pruned()
    plan = found.plan
    assert found.exactness.worst <= TOLERANCE
    assert found.exactness.samples == 2 * 8
    assert plan.base_sha256 == "digest"
    assert plan.parameters_before == sum(p.numel() for p in model.parameters())
    assert plan.parameters_after == sum(p.numel() for p in found.model.parameters()) < plan.parameters_before
    assert plan.macs_after < plan.macs_before
    for site in plan.sites:
        assert [unit for unit, gate in enumerate(site.gate) if gate > 0] == list(site.keep)
        assert len(site.gate) == len(site.open_probability) == site.width


def test_the_gates_are_off_the_model_afterwards() -> None:
    model, _ = pruned()
    inputs = fusion_models.example(4)
    fresh = fusion_models.model(fusion_models.recipe()).eval()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(**inputs), fresh(**inputs))


def test_plan_and_weights_rebuild_the_small_model() -> None:
    _, found = pruned()
    base = fusion_models.model(fusion_models.recipe(), seed=77)
    rebuilt = replay(base, PrunePlan.model_validate_json(found.plan.model_dump_json())).eval()
    rebuilt.load_state_dict(found.model.state_dict())
    inputs = fusion_models.example(4)
    assert torch.equal(rebuilt(**inputs), found.model.eval()(**inputs))


def test_multiples_follow_the_profile_and_count_heads_and_experts_singly() -> None:
    found = multiples(ChannelMultiple(convolution=8, linear=4))
    assert found == {
        SiteKind.CHANNELS: 8,
        SiteKind.INTERFACE: 4,
        SiteKind.WIDTH: 4,
        SiteKind.HIDDEN: 4,
        SiteKind.HEADS: 1,
        SiteKind.EXPERTS: 1,
    }


class Scaled(nn.Module):
    def __init__(self, factor: float, width: int = 3) -> None:
        super().__init__()
        self.factor, self.width = factor, width

    def forward(self, x: Tensor) -> Tensor:
        return x[:, : self.width] * self.factor


@pytest.mark.parametrize(("factor", "difference"), [(1, 0), (1.5, 0.5), (0, 1), (float("nan"), float("inf"))])
def test_the_difference_is_relative_to_the_gated_output(factor: float, difference: float) -> None:
    x = {"x": torch.randn(20, 3)}
    assert relative_difference(Scaled(1), Scaled(factor), x) == pytest.approx(difference, rel=1e-5)


def test_other_shapes_differ_without_limit() -> None:
    assert relative_difference(Scaled(1), Scaled(1, width=2), {"x": torch.randn(2, 3)}) == float("inf")


def test_token_inputs_are_tried_with_tokens() -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e = nn.Embedding(9, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.e(tokens).mean(1)

    bag = Bag()
    proof = verify(bag, bag, {"tokens": torch.randint(9, (4, 5))}, seed=0)
    assert proof.worst == 0
