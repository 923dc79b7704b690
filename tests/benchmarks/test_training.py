"""The benchmark of training: what it compares is the same, and it runs from data to bars at small scale."""

from __future__ import annotations

import json
from pathlib import Path

import dispatch
import plain_nets
import pytest
import torch
import training
from torch import Tensor, nn

from l0gm_edge.core import load
from l0gm_edge.learn.router_losses import importance
from l0gm_edge.models import fusion, sparse
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.router import plain_weights

SHAPES = {"adult": {"table": (188,)}, "avmnist": {"audio": (1, 32, 32), "image": (1, 28, 28)}}


@pytest.mark.parametrize("name", sorted(training.PLAIN))
def test_plain_networks_are_ours_in_outputs_and_losses(name: str) -> None:
    shapes = SHAPES["adult" if name == "adult" else "avmnist"]
    ours = fusion.build(load.recipe(name, []), shapes, 2 if name == "adult" else 10)
    plain = training.PLAIN[name]()
    plain.load_state_dict(ours.state_dict())
    inputs = {key: torch.randn(6, *shape) for key, shape in shapes.items()}
    torch.testing.assert_close(plain.eval()(**inputs), ours.eval()(**inputs))
    ours.train()(**inputs)
    plain.train()(**inputs)
    balances = [
        [importance(one.routed.logits) for one in ours.modules() if isinstance(one, MoE)],
        [one.balance for one in plain.modules() if isinstance(one, plain_nets.Experts)],
    ]
    assert len(balances[0]) == len(balances[1]) > 0


@pytest.mark.parametrize("way", [dispatch.all_experts, dispatch.grouped, dispatch.padded])
def test_batched_forms_compute_what_ours_does(way: training.Way) -> None:
    torch.manual_seed(0)
    layer = MoE(8, 12, 5, 1)
    x = torch.randn(30, 8)

    def given(how: training.Way) -> tuple[Tensor, list[Tensor]]:
        layer.zero_grad()
        out = how(x, plain_weights(layer.router(x), 1), list(layer.experts))
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        return out, [parameter.grad.clone() for parameter in layer.parameters()]

    torch.testing.assert_close(given(way), given(sparse.mixed))


def test_turns_leave_the_first_round_out_and_change_the_order() -> None:
    called: list[str] = []
    times = training.turns([lambda: called.append("a"), lambda: called.append("b")], 2)
    assert "".join(called) == "abbaab"
    assert [len(one) for one in times] == [2, 2]


def test_a_ratio_is_told_with_its_quartiles() -> None:
    found = training.row("this", "that", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0])
    assert (found["ratio"], found["quartiles"], found["samples or rows a second"]) == (2.0, "1.000 to 3.000", 20)


@pytest.mark.long
@pytest.mark.data
def test_every_row_has_a_ratio_at_small_scale(tmp_path: Path) -> None:
    training.run(training.Scale(rounds=2, steps=0.05, rows=(64,)), tmp_path)
    found = json.loads((tmp_path / "training.json").read_text())
    assert len(found["rows"]) == 3 + 2 * (1 + 3) + 3
    assert all(row["ratio"] > 0 for row in found["rows"])
    assert len(found["bars"]) == 3 + 2 * 2


def test_the_plain_loop_learns() -> None:
    class Few(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.moe = plain_nets.Experts(188, 4, 2, 1, plain=True)
            self.head = nn.Linear(188, 2)

        def forward(self, table: Tensor) -> Tensor:
            return self.head(self.moe(table))

    import numpy as np

    from l0gm_edge.core.dataset import Dataset, Split

    draw = np.random.default_rng(0)
    rows = draw.normal(size=(300, 188)).astype(np.float32)
    split = Split({"table": rows}, (rows[:, 0] > 0).astype(np.int64))
    data = Dataset("made-up", {"table": (188,)}, ("no", "yes"), split, split, split, split)
    torch.manual_seed(0)
    model, recipe = Few(), load.recipe("adult", ["learn.batch_size=32", "learn.lr=0.01"])
    training.plain_loop(model, recipe, data, 120)
    with torch.no_grad():
        accuracy = (model.eval()(torch.from_numpy(rows)).argmax(1).numpy() == split.labels).mean()
    assert accuracy > 0.9
