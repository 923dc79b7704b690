"""Gates on a person's own model, in their own loop: the promise of the tutorial."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_loop import HALF, X, Y, fingerprint, left_as_it_was, network, parameters, train
from torch import Tensor, nn

import l0gm_edge
from l0gm_edge.core.errors import RefusedInput, TargetImpossible
from l0gm_edge.core.hardware import ChannelMultiple, HardwareProfile, Runtime


def test_the_cut_model_is_small_ordinary_and_gives_what_the_gated_one_gave() -> None:
    model = network()
    session = l0gm_edge.attach(model, X[:4], target={"parameter_fraction": 0.5}, steps=40)
    train(model, session, 40)
    small = session.cut()
    assert parameters(small) == session.plan.parameters_after <= 0.5 * parameters(model)
    assert session.exactness.worst <= 1e-5
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in small.modules())
    assert [type(module) for module in small.modules()] == [type(module) for module in model.modules()]
    assert small[0].weight.shape[0] < 24
    assert not small[0].weight.requires_grad or small[0].weight.is_leaf


@settings(max_examples=12)
@given(steps=st.integers(1, 45), promised=st.integers(2, 60), limit=st.integers(180, 600))
def test_a_cut_at_any_moment_meets_the_target(steps: int, promised: int, limit: int) -> None:
    model = network()
    session = l0gm_edge.attach(model, X[:4], target={"parameters": limit}, steps=promised)
    train(model, session, steps)
    assert parameters(session.cut()) <= limit


def test_the_model_keeps_weights_modes_and_optimiser_and_loses_its_gates() -> None:
    model = network()
    hooks = fingerprint(model)[3:]
    session = l0gm_edge.attach(model, X[:4], target=HALF, steps=10)
    train(model, session, 10)
    weights, modes = fingerprint(model)[0], fingerprint(model)[2]
    small = session.cut()
    assert (fingerprint(model)[0], fingerprint(model)[2]) == (weights, modes)
    assert fingerprint(model)[3:] == hooks
    assert [module.training for module in small.modules()] == modes


@pytest.mark.parametrize("example", [X[:4], (X[:4],), [X[:4]], {"input": X[:4]}])
def test_example_inputs_come_in_any_form(example: Any) -> None:
    session = l0gm_edge.attach(network(), example, target=HALF)
    assert [row.width for row in session.describe().sites] == [24, 20]


def test_hardware_rounds_the_widths() -> None:
    profile = HardwareProfile(
        name="bench",
        title="A bench",
        runtimes=(Runtime(name="onnxruntime", schemes=("fp32",)),),
        channel_multiple=ChannelMultiple(linear=4),
    )
    model = network()
    session = l0gm_edge.attach(model, X[:4], target={"active_fraction": 0.6}, hardware=profile, steps=5)
    train(model, session, 5)
    session.cut()
    assert all(len(site.keep) % 4 == 0 for site in session.plan.sites)


def test_only_the_kinds_asked_for_are_gated_and_keep_their_least() -> None:
    model = nn.Sequential(nn.Conv1d(6, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))
    session = l0gm_edge.attach(model, X[:4, :, None], target={"active_fraction": 0.5}, sites=("hidden",), min_units=3)
    assert [row.kind for row in session.describe().sites] == ["hidden"]
    with pytest.raises(TargetImpossible):
        l0gm_edge.attach(model, X[:4, :, None], target={"active_fraction": 0.1}, sites=("hidden",), min_units=3)


def test_gates_only_watch_at_first_and_then_learn_by_themselves() -> None:
    model = network()
    session = l0gm_edge.attach(model, X[:4], target=HALF, steps=20, warm_up=0.25)
    with torch.no_grad():
        before = network().eval()(X)
        assert torch.allclose(model.eval()(X), before)
    model.train()
    assert float(session.penalty()) == 0
    train(model, session, 5)
    assert session.steps_done == session.warm_up_steps == 5
    train(model, session, 15)
    assert session.cut() is not None


def test_a_session_goes_on_in_another_process_as_if_nothing_had_happened() -> None:
    def run(stop_at: int | None) -> dict[str, Tensor]:
        model = network()
        session = l0gm_edge.attach(model, X[:4], target=HALF, steps=20)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for step in range(20):
            if step == stop_at:
                kept = [model.state_dict(), optimizer.state_dict(), session.state_dict()]
                session.close()
                model = network()
                session = l0gm_edge.attach(model, X[:4], target=HALF, steps=20)
                optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
                session.load_state_dict(kept[2], optimizer)
                model.load_state_dict(kept[0])
                optimizer.load_state_dict(kept[1])
            torch.manual_seed(step)
            train(model, session, 1, optimizer)
        return session.cut().state_dict()

    whole = run(None)
    for stop_at in (2, 4, 11):  # while watching, when gates begin, while they learn
        again = run(stop_at)
        assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("method", ["hard_concrete", "progressive", "one_shot"])
def test_every_method_meets_the_target_and_those_that_close_units_for_good_cut_on_the_way(method: str) -> None:
    model = network()
    limit = parameters(model) // 2
    session = l0gm_edge.attach(model, X[:4], target={"parameters": limit}, steps=60, method=method)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(X), Y) + session.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        session.step(optimizer)
    assert (parameters(model) < 731) == (method != "hard_concrete")
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert [id(parameter) for parameter in held] == [id(parameter) for parameter in model.parameters()]
    small = session.cut()
    assert parameters(small) <= limit
    assert [row.width for row in session.describe().sites] == [24, 20]
    assert session.plan.parameters_before == 731


def test_leaving_the_context_takes_the_gates_off() -> None:
    model = network()
    with left_as_it_was(model), l0gm_edge.attach(model, X[:4], target=HALF) as session:
        assert any(module._forward_pre_hooks for module in model.modules())
    session.close()  # a second time does nothing
    with pytest.raises(RefusedInput, match="after the session was closed"):
        session.step()


def test_the_description_reads_as_a_table() -> None:
    model = network()
    session = l0gm_edge.attach(model, X[:4], target={"parameter_fraction": 0.5}, steps=5)
    lines = str(session.describe()).splitlines()
    assert lines[0].startswith("Sequential: 731 parameters")
    assert "target parameter_fraction 0.5" in lines[0]
    assert [line.split() for line in lines[2:5]] == [
        ["site", "kind", "width", "kept", "read", "by"],
        ["0", "hidden", "24", "3"],
        ["3", "hidden", "20", "5"],
    ]
    train(model, session, 5)
    session.cut()
    found = session.describe()
    assert [row.kept for row in found.sites] == [len(site.keep) for site in session.plan.sites]
    assert repr(found) == str(found)
    assert type(found).model_validate_json(found.model_dump_json()) == found


class Masked(nn.Module):
    """Several arguments of several kinds, and several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.deep, self.head = nn.Linear(6, 16), nn.Linear(16, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor, mask: Tensor, options: dict[str, Tensor], give: str) -> dict[str, Tensor]:
        hidden = self.body(x * mask).relu()
        logits = self.head(self.deep(hidden).relu()) / options["temperature"]
        return {"logits": logits, "hidden": hidden.mean(1)} if give == "both" else {"logits": logits}


def test_weights_that_layers_share_stay_shared_and_the_cut_is_exact() -> None:
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 12), nn.Linear(12, 3))
    model[4].weight, model[4].bias = model[0].weight, model[0].bias
    session = l0gm_edge.attach(model, X[:4], target={"active_fraction": 0.7}, steps=4)
    train(model, session, 4)
    small = session.cut()
    assert session.exactness.worst <= 1e-5
    assert small[4].weight is small[0].weight
    assert model[4].weight is model[0].weight


def test_other_outputs_masks_and_flags_are_called_as_they_are() -> None:
    model = Masked()
    example = (X[:8], torch.ones(8, 6, dtype=torch.bool), {"temperature": torch.tensor(2.0)}, "both")
    session = l0gm_edge.attach(model, example, target={"parameter_fraction": 0.7}, steps=4)
    assert {row.module for row in session.describe().skipped} >= {"head"}
    for _ in range(4):
        loss = nn.functional.cross_entropy(model(*example)["logits"], Y[:8]) + session.penalty()
        loss.backward()
        session.step()
    small = session.cut()
    assert session.exactness.worst <= 1e-5
    assert set(small(*example)) == {"logits", "hidden"}


def test_what_is_left_whole_is_told_with_the_reason() -> None:
    session = l0gm_edge.attach(network(), X[:4], target={"active_fraction": 0.5})
    assert [(row.module, row.width, row.reason) for row in session.describe().skipped] == [
        ("5", 3, "reaches the model's output")
    ]
    assert "left whole  width  because" in str(session.describe())
