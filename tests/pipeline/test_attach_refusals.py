"""Every way to use gates on one's own model wrong: told by name, and the model is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from own_loop import HALF, X, fingerprint, left_as_it_was, network, train
from torch import Tensor, nn

import l0gm_edge
from l0gm_edge.core.errors import CutNotExact, L0GMEdgeError, RefusedInput
from l0gm_edge.core.plan import Exactness
from l0gm_edge.prune import prune as pruning


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
