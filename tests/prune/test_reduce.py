"""Fewer experts: which stay, what merging leaves, and the proof that the rest gives what it gave."""

from __future__ import annotations

import copy
from itertools import combinations

import fusion_models
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from l0gm_edge.core import plugins
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.experts import Experts
from l0gm_edge.core.network import Combine
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.recipe import SiteKind, Target
from l0gm_edge.models.moe import Expert, MoE
from l0gm_edge.prune import experts as ways
from l0gm_edge.prune import reduce
from l0gm_edge.prune.cut import replay
from l0gm_edge.prune.experts import Seen
from l0gm_edge.prune.experts.enumerate import Errors
from l0gm_edge.prune.merging import aligned, merged
from l0gm_edge.prune.prune import prune
from l0gm_edge.prune.verify import TOLERANCE

WAYS = plugins.names("l0gm_edge.prune.experts")


def layer(experts: int = 6, top_k: int = 2, seed: int = 0, hidden: int = 7) -> MoE:
    torch.manual_seed(seed)
    made = MoE(5, hidden, experts, top_k).eval()
    nn.init.normal_(made.router.weight, std=2.0)
    return made


def seen(moe: MoE, seed: int = 0, rows: dict[str, Tensor] | None = None) -> Seen:
    torch.manual_seed(seed + 100)
    rows = rows or {"image alone": torch.randn(40, 5), "all together": torch.randn(60, 5) + 0.5}
    return Seen(moe, rows, torch.rand(len(moe.experts), dtype=torch.float64), seed)


def fewer(moe: MoE, by: str, keep: int, given: Seen) -> MoE:
    """The layer alone, reduced as a model would be."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.moe = moe

        def forward(self, x: Tensor) -> Tensor:
            return self.moe(x)

    gates = {"moe": given.gate}
    rows = {"x": given.rows["all together"]}
    done = reduce.reduce(Net(), Experts(keep=keep, by=by), rows, gates, rows, given.seed)
    assert done.exactness.worst <= TOLERANCE
    return done.model.moe


@pytest.mark.parametrize("by", WAYS)
@settings(max_examples=8, deadline=None)
@given(keep=st.sampled_from([1, 2, 3, 6]), seed=st.integers(0, 50))
def test_every_way_keeps_so_many_groups_and_the_small_layer_is_proved(by: str, keep: int, seed: int) -> None:
    moe = layer(seed=seed)
    given = seen(moe, seed)
    choice = ways.plugin(by).choose(given, keep)
    members = [expert for group in choice.groups for expert in group]
    assert len(choice.groups) == keep
    assert len(set(members)) == len(members)
    assert set(members) <= set(range(6))
    small = fewer(moe, by, keep, given)
    assert len(small.experts) == keep
    assert small.top_k == (1 if keep == 1 else 2)


@pytest.mark.parametrize("keep", [1, 3])
@pytest.mark.parametrize("by", WAYS)
def test_a_layer_that_drops_pairs_by_score_is_proved_too(by: str, keep: int) -> None:
    moe = layer()
    moe.combine, moe.threshold = Combine.PLAIN, torch.tensor(0.3)
    given = seen(moe)
    assert bool((moe.weights(given.rows["all together"]).count_nonzero(dim=1) < 2).any()), "some pairs are dropped"
    small = fewer(moe, by, keep, given)
    assert (small.threshold is None) is (small.router is None) is (keep == 1 and by != "merge")


@pytest.mark.parametrize("by", ["reap", "use", "enumerate"])
def test_removing_an_expert_that_is_never_used_changes_nothing(by: str) -> None:
    moe = layer()
    with torch.no_grad():
        moe.router.bias[[1, 4]] -= 1e3
    given = seen(moe)
    assert torch.allclose(
        fewer(moe, by, 4, given)(given.rows["all together"]), moe(given.rows["all together"]), atol=1e-6
    )


def test_reap_by_hand() -> None:
    """Rows go to expert 0 with weights 1, 1; to expert 1 with 1: REAP means over rows routed, not over all."""
    moe = MoE(2, 2, 3, 1).eval()
    scales = (1.0, 5.0, 100.0)
    with torch.no_grad():
        moe.router.weight.copy_(torch.tensor([[4.0, 0.0], [0.0, 4.0], [-4.0, -4.0]]))
        moe.router.bias.zero_()
        for expert, scale in zip(moe.experts, scales, strict=True):
            expert.up.weight.copy_(torch.eye(2))
            expert.down.weight.copy_(scale * torch.eye(2))
            expert.up.bias.zero_()
            expert.down.bias.zero_()
    rows = torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    choice = ways.plugin("reap").choose(seen(moe, rows={"all together": rows}), 2)
    assert choice.scores == pytest.approx((2 / 7, 5 / 7, 0))  # norms 3 and 1 of expert 0, 5 of expert 1, no row of 2
    assert choice.groups == ((0,), (1,))


def test_a_router_weight_counts_in_reap() -> None:
    moe = layer(experts=2, top_k=2)
    with torch.no_grad():
        moe.router.weight.zero_()
        moe.router.bias.copy_(torch.tensor([0.9, 0.1]).log())
        moe.experts[1].load_state_dict({n: 5 * v if "down" in n else v for n, v in moe.experts[0].state_dict().items()})
    choice = ways.plugin("reap").choose(seen(moe), 1)
    assert choice.scores == pytest.approx((0.9 / 1.4, 0.5 / 1.4), rel=1e-4)


@pytest.mark.parametrize("by", ["reap", "use", "gate"])
def test_no_modality_loses_the_last_expert_that_it_uses(by: str) -> None:
    """Expert 5 serves few rows of sound, and weakly; four others serve pictures."""
    moe = layer(experts=6, top_k=1)
    with torch.no_grad():
        moe.router.weight.zero_()
        moe.router.weight[:5, :4] = 8 * torch.eye(5, 4)
        moe.router.weight[5, 4] = 8.0
        moe.experts[5].down.weight.mul_(1e-3)
        moe.experts[5].down.bias.zero_()
    rows = {"image alone": torch.eye(5)[[0, 1, 2, 3] * 5], "sound alone": torch.eye(5)[[4]]}
    given = Seen(moe, rows, torch.tensor([6.0, 5, 4, 3, 2, 1]), 0)
    kept = ways.plugin(by).choose(given, 2).groups
    assert (5,) in kept
    assert len(kept) == 2
    assert len(ways.plugin(by).choose(given, 1).groups) == 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 200), st.integers(2, 5))
def test_enumeration_has_the_least_error_of_all_removals(seed: int, keep: int) -> None:
    moe = layer(seed=seed)
    given = seen(moe, seed)
    error = Errors(moe, torch.cat(list(given.rows.values())))
    least = min(error.of(subset) for subset in combinations(range(6), keep))
    for by in set(WAYS) - {"merge"}:
        found = error.of([group[0] for group in ways.plugin(by).choose(given, keep).groups])
        assert found == least if by == "enumerate" else found >= least


def test_the_error_of_a_subset_is_that_of_the_smaller_layer() -> None:
    moe = layer()
    given = seen(moe)
    rows = torch.cat(list(given.rows.values()))
    small = copy.deepcopy(moe)
    small.regroup([(1,), (3,), (4,)])
    apart = (small(rows) - moe(rows)).square().sum(1).mean()
    assert Errors(moe, rows).of((1, 3, 4)) == pytest.approx(float(apart.detach()), rel=1e-5)


def shuffled(expert: Expert, seed: int) -> Expert:
    order = torch.randperm(expert.up.out_features, generator=torch.Generator().manual_seed(seed))
    made = copy.deepcopy(expert)
    with torch.no_grad():
        made.up.weight.copy_(expert.up.weight[order])
        made.up.bias.copy_(expert.up.bias[order])
        made.down.weight.copy_(expert.down.weight[:, order])
    return made


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 500), pair=st.sampled_from(list(combinations(range(4), 2))))
def test_merging_two_equal_experts_changes_nothing_whatever_the_order_of_their_units(
    seed: int, pair: tuple[int, int]
) -> None:
    moe = layer(experts=4, seed=seed)
    moe.experts[pair[1]] = shuffled(moe.experts[pair[0]], seed)
    small = copy.deepcopy(moe)
    small.regroup([pair, *((expert,) for expert in range(4) if expert not in pair)])
    small.experts[0].load_state_dict(merged([moe.experts[e] for e in pair], [0.7, 0.1]).state_dict())
    x = torch.randn(50, 5)
    torch.testing.assert_close(small(x), moe(x), atol=1e-6, rtol=1e-5)


def test_experts_that_are_routed_to_alike_are_merged() -> None:
    moe = layer(experts=4)
    with torch.no_grad():
        moe.router.weight[3] = moe.router.weight[0] + 0.01
        moe.router.bias[0] += 1
        moe.router.bias[1:3] += 3
    assert set(ways.plugin("merge").choose(seen(moe), 3).groups) == {(0, 3), (1,), (2,)}


def test_merging_weighs_by_use_and_a_narrow_expert_counts_as_silent_where_it_has_no_unit() -> None:
    wide, narrow = Expert(3, 4), Expert(3, 2)
    with torch.no_grad():
        wide.up.weight[:2], wide.up.bias[:2] = narrow.up.weight, narrow.up.bias
        wide.down.weight[:, :2] = narrow.down.weight
    found = merged([wide, narrow], [3, 1])
    torch.testing.assert_close(found.up.weight[:2], narrow.up.weight)
    torch.testing.assert_close(found.up.weight[2:], 0.75 * wide.up.weight[2:])
    torch.testing.assert_close(found.down.bias, 0.75 * wide.down.bias + 0.25 * narrow.down.bias)
    torch.testing.assert_close(merged([wide, wide], [0, 0]).up.weight, wide.up.weight)


def test_alignment_gives_the_order_back() -> None:
    torch.manual_seed(1)
    expert = Expert(6, 9)
    for name, value in aligned(shuffled(expert, 3), expert).state_dict().items():
        assert torch.equal(value, expert.state_dict()[name])


def test_experts_that_answer_for_others_can_be_gated_and_merged_again() -> None:
    moe = layer(experts=5)
    moe.regroup([(0, 2), (4,), (1, 3)])
    assert moe.answers == (2, 1, 2)
    (whole, *_) = moe.inner_sites()
    assert (whole.width, whole.members[1].units) == (3, (0, 0, 1, 2, 2))
    x = torch.randn(20, 5)
    before = moe(x)
    moe.regroup([(2,), (0,), (1,)])
    torch.testing.assert_close(moe(x), before)
    moe.regroup([(0, 1)])
    assert moe.router is None
    assert torch.equal(moe(x), moe.experts[0](x))


@pytest.mark.parametrize("by", ["reap", "merge", "gate"])
def test_the_plan_of_a_gated_model_replays_to_the_small_one(by: str) -> None:
    torch.manual_seed(0)
    config = fusion_models.recipe(Target(active_fraction=0.6))
    model = fusion_models.model(config)
    session = fusion_models.session(config, model)
    session.begin(2)
    real = fusion_models.example(8)
    scores = reduce.learned_scores(session)
    first = prune(model, session, real, "digest", 0)
    found = reduce.reduced(first, Experts(keep=1 if by == "gate" else 2, by=by), real, scores, real, 0)
    left = len(first.model.moe.experts)
    (cut,) = found.plan.experts
    assert found.exactness.worst <= TOLERANCE
    assert len(cut.numbers) == left > len(cut.groups)
    assert found.plan.parameters_after == sum(one.numel() for one in found.model.parameters())
    assert found.plan.macs_after < first.plan.macs_after
    (site,) = [one for one in found.plan.sites if one.kind is SiteKind.EXPERTS]
    assert len(site.keep) == len(cut.groups)
    gone = set(range(4)) - {expert for group in cut.kept for expert in group}
    for one in found.plan.sites:
        if one.site.startswith(tuple(f"moe.experts.{expert}." for expert in gone)):
            assert one.keep == ()

    base = fusion_models.model(fusion_models.recipe(), seed=77)
    rebuilt = replay(base, PrunePlan.model_validate_json(found.plan.model_dump_json())).eval()
    rebuilt.load_state_dict(found.model.state_dict())
    assert torch.equal(rebuilt(**real), found.model.eval()(**real))


def test_models_without_experts_and_too_many_for_a_way_are_refused() -> None:
    with pytest.raises(RecipeError, match="the model has no experts"):
        reduce.require_fit(nn.Linear(2, 2), Experts(keep=1))
    with pytest.raises(RecipeError, match="'enumerate' of 9 experts"):
        reduce.require_fit(layer(9), Experts(keep=4, by="enumerate"))
    with pytest.raises(RecipeError, match=r"must be top_k \(3\) or more"):
        reduce.require_fit(layer(9, 3), Experts(keep=2))
    reduce.require_fit(layer(9), Experts(keep=9, by="random"))
