"""The mixture of experts: its sum by hand, and what removing experts leaves."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.network import Combine
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.learn.router_losses import importance
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.router import combine_weights
from l0gm_edge.models.rows import Rows


def built(experts: int, top_k: int) -> MoE:
    torch.manual_seed(0)
    return MoE(6, 5, experts, top_k).eval()


@given(st.integers(2, 6), st.data())
def test_each_row_is_the_weighted_sum_of_its_experts(experts: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, experts))
    moe, x = built(experts, k), torch.randn(4, 6)
    with torch.no_grad():
        weights = combine_weights(moe.router(x), k)
        for row in range(4):
            expected = sum(
                weights[row, e] * moe.experts[e](x[row : row + 1]) for e in range(experts) if weights[row, e] > 0
            )
            torch.testing.assert_close(moe(x)[row : row + 1], expected)


def test_one_expert_is_a_dense_layer() -> None:
    moe, x = built(1, 1), torch.randn(3, 6)
    assert moe.router is None
    assert torch.equal(moe(x), moe.experts[0](x))
    assert moe.train()(x) is not None
    assert moe.routed is None
    assert [site.kind for site in moe.inner_sites()] == [SiteKind.HIDDEN]


def test_one_expert_left_equals_that_dense_expert() -> None:
    moe, x = built(4, 2), torch.randn(3, 6)
    expected = moe.experts[2](x)
    moe.keep_units((2,))
    assert (moe.router, moe.top_k, len(moe.experts)) == (None, 1, 1)
    assert torch.equal(moe(x), expected)


def test_top_k_never_exceeds_what_is_left() -> None:
    moe = built(4, 3)
    moe.keep_units((0, 3))
    assert moe.top_k == 2


def test_its_sites_are_the_experts_and_each_ones_hidden_width() -> None:
    whole, *hidden = built(3, 2).inner_sites()
    assert (whole.kind, whole.width, whole.modules) == (
        SiteKind.EXPERTS,
        3,
        ("experts.0", "experts.1", "experts.2"),
    )
    assert [(site.width, site.inside) for site in hidden] == [(5, ("experts", e)) for e in range(3)]


def test_what_the_router_said_is_known_after_training_passes_only_and_a_copy_forgets_it() -> None:
    moe, x = built(3, 2), torch.randn(8, 6)
    moe(x)
    assert moe.routed is None
    moe.train()(x)
    assert moe.routed.top_k == 2
    torch.testing.assert_close(moe.routed.logits, moe.router(x))
    twin = copy.deepcopy(moe)
    assert twin.routed is None
    assert torch.equal(twin(x), moe(x))


@pytest.mark.parametrize(("axis", "width"), [("in", 6), ("out", 6)])
def test_its_parts_have_the_layers_width(axis: str, width: int) -> None:
    moe = built(3, 2)
    for part, _ in moe.parts(axis):
        layer = moe.get_submodule(part)
        assert (layer.in_features if axis == "in" else layer.out_features) == width
    assert (moe.in_features, moe.out_features) == (6, 6)


def test_losses_of_routing_reach_the_router_and_not_what_gates_add_to_its_logits() -> None:
    moe, x = built(3, 2).train(), torch.randn(8, 6)
    added = torch.tensor([0.0, -0.5, -2.0], requires_grad=True)
    moe.router.register_forward_hook(lambda _module, _args, logits: logits + added)
    moe(x)
    lost, expected = importance(moe.routed.logits), importance(moe.router(x))
    torch.testing.assert_close(lost, expected)
    assert torch.autograd.grad(lost, added, allow_unused=True, retain_graph=True) == (None,)  # no gradient
    (found,) = torch.autograd.grad(lost, moe.router.weight)
    torch.testing.assert_close(found, *torch.autograd.grad(expected, moe.router.weight))


def tight(factor: float | None) -> MoE:
    torch.manual_seed(0)
    return MoE(6, 5, 4, 1, Combine.PLAIN, capacity=factor)


def test_dropped_rows_get_nothing_in_training_and_nothing_is_dropped_in_evaluation() -> None:
    moe, x = tight(0.2), torch.randn(60, 6)  # 3 rows an expert, rounded up to 4
    outs = {training: moe.train(training)(x) for training in (True, False)}
    served = outs[True].ne(0).any(-1)
    assert 4 <= int(served.sum()) <= 16
    torch.testing.assert_close(outs[True][served], outs[False][served])
    assert bool(outs[False].ne(0).any(-1).all())
    torch.testing.assert_close(moe.eval()(x[:1]), outs[False][:1])


@pytest.mark.parametrize("factor", [1.0, None])
def test_rows_that_are_not_there_take_no_room_and_are_not_told_of(factor: float | None) -> None:
    moe, x = tight(factor).train(), torch.randn(2, 8, 6)
    present = torch.arange(8).expand(2, 8) < 4
    modality = (torch.arange(8) % 2).expand(2, 8)
    out = moe(x, Rows(present, modality, ("image", "text")))
    assert not bool(out[~present].any())
    torch.testing.assert_close(out[present], moe(x[present]))
    moe(x, Rows(present, modality, ("image", "text")))
    torch.testing.assert_close(moe.routed.of_modality("text"), moe.router(x[:, 1:4:2].reshape(4, 6)))
    assert len(moe.routed.of_modality("audio")) == 0
    assert len(moe.routed.logits) == 8


@given(st.integers(2, 6), st.floats(0, 1), st.data())
def test_below_the_threshold_a_row_goes_without_an_expert(experts: int, threshold: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, experts))
    torch.manual_seed(0)
    moe, x = MoE(6, 5, experts, k, Combine.PLAIN, threshold).eval(), torch.randn(4, 6)
    with torch.no_grad():
        chances = moe.router(x).softmax(-1)
        first = [set(row.tolist()) for row in chances.topk(k).indices]
        for row in range(4):
            kept = [e for e in first[row] if float(chances[row, e]) >= float(moe.threshold)]
            expected = sum((chances[row, e] * moe.experts[e](x[row]) for e in kept), torch.zeros(6))
            torch.testing.assert_close(moe(x)[row], expected)


def test_scores_are_those_of_the_experts_that_a_row_is_routed_to_whatever_the_threshold() -> None:
    torch.manual_seed(0)
    moe, x = MoE(6, 5, 4, 2, Combine.PLAIN, 0.9), torch.randn(7, 3, 6)
    logits = moe.router(x)
    assert torch.equal(moe.scores(logits), logits.softmax(-1).sort(descending=True).values[..., :2])


def test_a_threshold_goes_with_the_router_and_only_layers_that_have_one_keep_it() -> None:
    moe = MoE(6, 5, 3, 2, Combine.PLAIN, 0.25)
    assert "threshold" in moe.state_dict()
    assert "threshold" not in MoE(6, 5, 3, 2, Combine.PLAIN).state_dict()
    assert MoE(6, 5, 1, 1, Combine.PLAIN, 0.25).threshold is None
    moe.keep_units((1,))
    assert moe.threshold is None
    assert "threshold" not in moe.state_dict()


def test_of_a_merged_expert_each_member_has_its_own_threshold() -> None:
    torch.manual_seed(0)
    moe, x = MoE(6, 5, 3, 3, Combine.PLAIN, 0.4).eval(), torch.randn(50, 6)
    apart = moe.weights(x)
    moe.regroup(((0, 2), (1,)))
    together = moe.weights(x)
    torch.testing.assert_close(together, torch.stack([apart[:, 0] + apart[:, 2], apart[:, 1]], dim=1))
    assert bool((together[:, 0] == 0).any())
