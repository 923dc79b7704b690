"""Experts that compute their own rows alone: what they give and learn is that of the sum over all experts."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from l0gm_edge.core.network import Combine
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.learn.fake_quantize import fake_quantized
from l0gm_edge.models import sparse
from l0gm_edge.models.moe import MoE

Given = tuple[Tensor, dict[str, Tensor]]


def built(experts: int, top_k: int, combine: Combine = Combine.PLAIN) -> MoE:
    torch.manual_seed(experts)
    return MoE(6, 5, experts, top_k, combine).double().train()


def spoken(model: nn.Module, x: Tensor) -> Given:
    """Outputs, and gradients of a loss that minds each output differently, of the inputs and of every parameter."""
    x = x.detach().requires_grad_()
    out = model(x)
    (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)).sum().backward()
    grads = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    return out, grads | {"input": x.grad}


def all_computed(model: nn.Module) -> nn.Module:
    """A copy whose experts are looked at, so that all rows go through them."""
    watched = copy.deepcopy(model)
    for layer in watched.modules():
        if isinstance(layer, MoE):
            layer.experts[0].register_forward_hook(lambda *_: None)
    return watched


def require_alike(found: Given, expected: Given) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@given(st.integers(2, 7), st.sampled_from(Combine), st.sampled_from([(1,), (9,), (3, 4), (2, 3, 5)]), st.data())
def test_outputs_and_gradients_are_those_of_all_experts(
    experts: int, combine: Combine, leading: tuple[int, ...], data: st.DataObject
) -> None:
    moe = built(experts, data.draw(st.integers(1, experts)), combine)
    x = torch.randn(*leading, 6, dtype=torch.float64)
    require_alike(spoken(moe, x), spoken(all_computed(moe), x))


def test_an_expert_sees_its_own_rows_and_one_without_rows_learns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    moe = built(4, 1)
    with torch.no_grad():
        moe.router.bias[3] = -100
    x, seen = torch.randn(10, 6, dtype=torch.float64), []
    own = type(moe.experts[0]).forward
    monkeypatch.setattr(type(moe.experts[0]), "forward", lambda self, rows: seen.append(len(rows)) or own(self, rows))
    _, grads = spoken(moe, x)
    chosen = moe.router(x).argmax(-1)
    assert seen == [int((chosen == expert).sum()) for expert in range(4)]
    assert seen[3] == 0
    assert not grads["experts.3.up.weight"].any()  # zeros, not None: optimisers treat the two differently
    moe.eval()(x)
    assert seen[4:] == [10] * 4


def test_merged_experts_and_experts_of_other_widths_are_called_as_they_are() -> None:
    moe = built(5, 2)
    moe.experts[4] = moe.experts[4].widened(9).double()
    moe.regroup([(0, 4), (1, 3), (2,)])
    x = torch.randn(12, 6, dtype=torch.float64)
    require_alike(spoken(moe, x), spoken(all_computed(moe), x))


@pytest.mark.parametrize("closed", [(), (1,), (0, 1, 2)])
def test_gates_on_experts_and_their_hidden_units_act_as_on_all_rows(closed: tuple[int, ...]) -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), built(4, 2, Combine.CHOSEN).float(), nn.Linear(6, 3)).train()
    watched = all_computed(model)
    found = []
    for one in (model, watched):
        layout = Layout.of(survey(one, torch.randn(2, 6)).sites)
        gates = torch.rand(layout.units, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.2
        for site in layout.sites:
            if site.name == "2.experts":
                gates[layout.span(site)][list(closed)] = 0.0
        gates.requires_grad_()
        gating = Gating(one, layout, lambda _, gates=gates: gates)
        out, grads = spoken(one, torch.linspace(-2, 2, 48).view(8, 6))
        gating.remove()
        found.append((out, grads | {"gates": gates.grad}))
    assert sparse.may_skip_rows(model[2].experts)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_gates_do_not_keep_rows_from_being_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Linear(6, 6), built(4, 1).float(), nn.Linear(6, 3)).train()
    layout = Layout.of(survey(model, torch.randn(2, 6)).sites)
    gating = Gating(model, layout, lambda _: torch.ones(layout.units))
    called = []
    monkeypatch.setattr(sparse, "mixed", lambda x, weights, experts: called.append(len(x)) or x)
    model(torch.randn(5, 6))
    gating.remove()
    assert called == [5]


def hooked(moe: MoE) -> Callable[[], None]:
    return moe.experts[1].up.register_forward_pre_hook(lambda *_: None).remove


def replaced(moe: MoE) -> Callable[[], None]:
    moe.experts[1].down.forward = lambda x: x
    return lambda: moe.experts[1].down.__dict__.pop("forward")


@pytest.mark.parametrize("watch", [hooked, replaced])
def test_experts_that_are_looked_at_compute_every_row(watch: Callable[[MoE], Callable[[], None]]) -> None:
    moe = built(3, 1)
    assert sparse.may_skip_rows(moe.experts)
    forget = watch(moe)
    assert not sparse.may_skip_rows(moe.experts)
    forget()
    assert sparse.may_skip_rows(moe.experts)


def test_int8_rounding_takes_its_ranges_from_every_row() -> None:
    moe = built(3, 1).float()
    x = torch.randn(20, 6)
    with fake_quantized(moe):
        assert not sparse.may_skip_rows(moe.experts)
        found = moe(x)
    with fake_quantized(moe.eval()):
        torch.testing.assert_close(found, moe(x))
