"""Gates on a person's own model, in their own loop: the promise of the tutorial, and every way to use it wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import l0gm_edge
from l0gm_edge.core.errors import CutNotExact, L0GMEdgeError, RefusedInput, TargetImpossible
from l0gm_edge.core.hardware import ChannelMultiple, HardwareProfile, Runtime
from l0gm_edge.core.plan import Exactness
from l0gm_edge.prune import prune as pruning

X = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)
HALF = {"active_fraction": 0.5}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 24), nn.Dropout(0.1), nn.ReLU(), nn.Linear(24, 20), nn.ReLU(), nn.Linear(20, 3))


def train(model: nn.Module, session: l0gm_edge.AttachedSession, steps: int, optimizer: Any = None) -> None:
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(X), Y) + session.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        session.step()


def fingerprint(model: nn.Module) -> tuple[Any, ...]:
    """Everything of a model that must be as it was: weights and their identity, modes, hooks, own attributes."""
    return (
        {name: value.tolist() for name, value in model.state_dict().items()},
        [id(parameter) for parameter in model.parameters()],
        [module.training for module in model.modules()],
        [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()],
        [sorted(module.__dict__) for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
    )


@contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    before = fingerprint(model)
    yield
    assert fingerprint(model) == before


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


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


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda session, model: session.cut(), "cut() before the first step"),
        (lambda session, model: session.plan, "there is no plan before the cut"),
        (lambda session, model: session.exactness, "there is no exactness before the cut"),
        (lambda session, model: (model.eval(), session.penalty()), "penalty() outside training"),
        (lambda session, model: session.load_state_dict({}), "not a state of this session"),
        (
            lambda session, model: [train(model, session, 2), session.cut(), session.cut()],
            "cut() after the model was cut",
        ),
        (
            lambda session, model: [train(model, session, 2), session.cut(), session.step()],
            "step() after the model was cut",
        ),
        (lambda session, model: [session.close(), session.penalty()], "penalty() after the session was closed"),
    ],
)
def test_calls_out_of_place_are_told(use: Callable[[Any, nn.Module], object], words: str) -> None:
    model = network().train()
    session = l0gm_edge.attach(model, X[:4], target=HALF, steps=10)
    with pytest.raises(RefusedInput) as caught:
        use(session, model)
    assert words in caught.value.what
    assert caught.value.todo or caught.value.allowed


def test_a_penalty_without_gradients_is_told() -> None:
    model = network().train()
    session = l0gm_edge.attach(model, X[:4], target=HALF, steps=10)
    with torch.no_grad(), pytest.raises(RefusedInput, match="outside training"):
        session.penalty()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": {}}, "target: give exactly one of"),
        ({"target": {"parameter": 3}}, "target.parameter: unknown key; did you mean 'parameters'?"),
        ({"target": {"active_fraction": 2}}, "target.active_fraction: Input should be less than or equal to 1"),
        ({"target": HALF, "method": "hard_concret"}, "did you mean 'hard_concrete'?"),
        ({"target": HALF, "sites": ("head",)}, "sites.0: Input should be"),
        ({"target": HALF, "min_units": 0}, "min_units: Input should be greater than 0"),
        ({"target": HALF, "hardware": "host-cp"}, "did you mean 'host-cpu'?"),
        ({"target": HALF, "steps": 1}, "steps=1"),
        ({"target": HALF, "warm_up": 1.0}, "warm_up=1.0"),
    ],
)
def test_arguments_that_make_no_sense_are_told(arguments: dict[str, Any], words: str) -> None:
    model = network()
    with left_as_it_was(model), pytest.raises(RefusedInput) as caught:
        l0gm_edge.attach(model, X[:4], **arguments)
    assert words in caught.value.what


def test_a_cut_that_is_not_exact_is_refused_and_the_model_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    off = Exactness(random_inputs=3e-3, real_inputs=0, samples=8, tolerance=1e-5)
    monkeypatch.setattr(pruning, "verify", lambda *_, **__: off)
    model = network()
    session = l0gm_edge.attach(model, X[:4], target=HALF, steps=4)
    train(model, session, 4)
    weights = fingerprint(model)[:3]
    with pytest.raises(CutNotExact, match=r"differs from the gated one by 0\.003"):
        session.cut()
    assert fingerprint(model)[:3] == weights
    assert not any(module._forward_pre_hooks for module in model.modules())


class Shared(nn.Module):
    """Two layers that hold one weight, crosswise."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).relu()).relu())


class Deciding(nn.Module):
    """Looks at a value to decide which layers to call."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.head = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.head((self.one if self.calls % 2 else self.other)(x).relu())


class Masked(nn.Module):
    """Several arguments of several kinds, and several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.deep, self.head = nn.Linear(6, 16), nn.Linear(16, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor, mask: Tensor, options: dict[str, Tensor], give: str) -> dict[str, Tensor]:
        hidden = self.body(x * mask).relu()
        logits = self.head(self.deep(hidden).relu()) / options["temperature"]
        return {"logits": logits, "hidden": hidden.mean(1)} if give == "both" else {"logits": logits}


class Broken(nn.Module):
    """Does not fit itself."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 8), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


BAD: list[tuple[str, Callable[[], nn.Module], Any, dict[str, float], tuple[str, ...]]] = [
    ("does not run", Broken, X[:4], HALF, ("Broken", "does not run")),
    ("other arguments", network, {"x": X[:4]}, HALF, ("example inputs", "input")),
    ("other shape", network, X[:4, :5], HALF, ("does not run",)),
    ("other dtype", lambda: network().double(), X[:4], HALF, ("does not run",)),
    ("other device", lambda: network().to("meta"), X[:4], HALF, ()),
    ("below the least", network, X[:4], {"parameters": 10}, ("cannot be reached", "or more")),
    ("above the whole", network, X[:4], {"parameters": 10_000_000}, ("10,000,000", "whole model")),
    (
        "milliseconds without a device",
        network,
        X[:4],
        {"p90_ms": 0.001},
        ("in milliseconds", "l0gm-edge hardware tabulate", "ask for parameters"),
    ),
    ("nothing to gate", lambda: nn.Linear(6, 3), X[:4], HALF, ("no site", "the model (3): reaches the model's output")),
    ("weights shared crosswise", Shared, X[:4], HALF, ("first (6): its weight is shared: first.weight and second.",)),
    ("changes with every call", Deciding, X[:4], HALF, ("two evaluations", "differ", "'o")),
    ("not inputs at all", network, "words", HALF, ("example inputs of type str",)),
]


@pytest.mark.parametrize(("make", "example", "target", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_work_is_refused_and_leaves_the_model_as_it_was(
    make: Callable[[], nn.Module], example: Any, target: dict[str, float], words: tuple[str, ...]
) -> None:
    model = make()
    if any(parameter.is_meta for parameter in model.parameters()):
        before = [module.__dict__.keys() for module in model.modules()]
        with pytest.raises(L0GMEdgeError):
            l0gm_edge.attach(model, example, target=target)
        assert [module.__dict__.keys() for module in model.modules()] == before
        return
    with left_as_it_was(model), pytest.raises(L0GMEdgeError) as caught:
        l0gm_edge.attach(model, example, target=target)
    assert [word for word in words if word not in str(caught.value)] == []


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
