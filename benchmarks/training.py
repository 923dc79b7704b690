"""How fast networks train: our loop against the same network and loop written plainly, and what experts cost.

    python benchmarks/training.py

Both sides take turns in one process, on one thread. A round of the loops is a whole course: batches, loss, schedule,
optimiser, and of ours also the figures shown, the check for a loss that is not finite, deterministic kernels and a
checkpoint at its end. Then: a training step in which experts compute their own rows against one in which all compute
all, at 8 and 32 experts, a token to one; a layer of them alone, beside forms that are batched over experts; and what
preparing a batch takes of a step. Every row is a ratio, the median over rounds of one measurement each, with its
quartiles. Needs L0GM_EDGE_DATA.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import dispatch
import plain_nets
import torch
import torch.nn.functional as F
from methods_core import SILENT
from result import RESULTS, Bar, Cell, at_least, write
from torch import Tensor, nn

from l0gm_edge import data as datasets
from l0gm_edge.core import load
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.learn import schedule
from l0gm_edge.learn.augment import augmented
from l0gm_edge.learn.batches import Batches, tensors
from l0gm_edge.learn.loop import Course, train
from l0gm_edge.models import fusion, sparse
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.router import plain_weights
from l0gm_edge.pipeline import learning
from l0gm_edge.pipeline.arithmetic import fixed_arithmetic

EXPERTS = (8, 32)
AT_LEAST_PLAIN = 0.9
Way = Callable[[Tensor, Tensor, Sequence[nn.Module]], Tensor]
Row = dict[str, Cell]


@dataclass(frozen=True)
class Scale:
    """How many rounds, a course's steps as a share of `STEPS`, and rows of a layer alone."""

    rounds: int = 9
    steps: float = 1.0
    rows: tuple[int, ...] = (128, 2048)


STEPS = {"adult": 400, "avmnist": 60, "nmm-avmnist": 60}
"""Recipes, and the steps of a course."""
PLAIN: dict[str, Callable[[], nn.Module]] = {
    "adult": plain_nets.adult,
    "avmnist": plain_nets.avmnist,
    "nmm-avmnist": plain_nets.nmm,
}


def main(arguments: list[str]) -> int:
    """Write the result; 0 when every bar holds, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    return run(Scale(), RESULTS)


def run(scale: Scale, out: Path) -> int:
    """Every row, and the bars."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    bars: list[Bar] = []
    for name in STEPS:
        rows.append(loops(name, scale))
        bars.append(at_least(f"{name}: samples/s of our loop over the plain one", _ratio(rows[-1]), AT_LEAST_PLAIN))
    for experts in EXPERTS:
        rows.append(steps(experts, scale))
        bars.append(_faster(f"{experts} experts, training step: own rows over all rows", rows[-1]))
        for count in scale.rows:
            layer = list(layers(experts, count, scale))
            rows += layer
            bars.append(_faster(f"{experts} experts, {count} rows, layer alone: own rows over all rows", layer[0]))
    rows += [preparation(name, scale) for name in STEPS]
    return write("training", rows, bars, out)


def _faster(bar: str, row: Row) -> Bar:
    return Bar(bar, _ratio(row), 1.0, _ratio(row) > 1)


def loops(name: str, scale: Scale) -> Row:
    """Samples per second of a course by our loop, over those of the plain one."""
    recipe = load.recipe(name, [])
    data = datasets.load(recipe.data.name)  # type: ignore[union-attr]
    count = max(2, round(scale.steps * STEPS[name]))
    made = learning.fresh_model(recipe, data)
    weights = made.state_dict()

    def ours() -> None:
        balance = recipe.moe.balance_weight if recipe.moe else 0.0
        course = Course("bench", recipe.learn, count, schedule.cosine, 0, balance_weight=balance)
        with tempfile.TemporaryDirectory() as folder, fixed_arithmetic():
            train(course, learning.fresh_model(recipe, data), data.train, Path(folder), SILENT)

    def plain() -> None:
        model = PLAIN[name]()
        model.load_state_dict(weights)
        plain_loop(model, recipe, data, count)

    times = turns([ours, plain], scale.rounds)
    samples = count * recipe.learn.batch_size
    return row(f"loop of {name}", "the plain loop", [b / a for a, b in times], [samples / a for a, _ in times])


def plain_loop(model: nn.Module, recipe: Recipe, data: Dataset, count: int) -> None:
    """The loop that a person would write for one task, with the recipe's settings."""
    settings = recipe.learn
    inputs, labels = tensors(data.train)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule.cosine(step, count))
    model.train()
    order, place = torch.randperm(len(labels)), 0
    for _ in range(count):
        if place + settings.batch_size > len(order):
            order, place = torch.randperm(len(labels)), 0
        rows = order[place : place + settings.batch_size]
        place += settings.batch_size
        batch = {name: values[rows] for name, values in inputs.items()}
        if settings.augment:
            batch = augmented(batch, settings.drop_words)
        loss = F.cross_entropy(model(**batch), labels[rows], label_smoothing=settings.label_smoothing)
        balances = [one.balance for one in model.modules() if isinstance(one, plain_nets.Experts)]
        loss = loss + 0.01 * torch.stack(balances).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()


def steps(experts: int, scale: Scale) -> Row:
    """Training steps of early fusion whose experts compute their own rows, over those in which all compute all."""
    recipe = load.recipe("nmm-avmnist", [f"moe.experts={experts}"])
    data = datasets.load("avmnist")
    batch, labels = Batches(data.train, recipe.learn.batch_size, 0).at(0)
    ways = []
    for watched in (False, True):
        model = fusion.build(recipe, data.shapes, len(data.classes)).train()
        for layer in model.modules():
            if isinstance(layer, MoE) and watched:  # somebody looks at the rows, so all are computed
                layer.experts[0].register_forward_hook(lambda *_: None)
        optimizer = torch.optim.AdamW(model.parameters())

        def step(model: nn.Module = model, optimizer: torch.optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            F.cross_entropy(model(**batch), labels).backward()
            optimizer.step()

        ways.append(step)
    times = turns(ways, scale.rounds)
    return row(f"step of nmm-avmnist, {experts} experts", "all experts compute all rows", [b / a for a, b in times],
               [recipe.learn.batch_size / a for a, _ in times])  # fmt: skip


def layers(experts: int, count: int, scale: Scale) -> Iterator[Row]:
    """One layer forwards and backwards, by every way, over all experts computing all rows."""
    ways: dict[str, Way] = {
        "own rows": sparse.mixed,
        "grouped product": dispatch.grouped,  # type: ignore[dict-item]
        "padded batch": dispatch.padded,  # type: ignore[dict-item]
    }
    recipe = load.recipe("nmm-avmnist", [])
    assert recipe.moe is not None
    width = recipe.model.latent  # type: ignore[union-attr]
    layer = MoE(width, recipe.moe.hidden, experts, 1)
    x, grad = torch.randn(count, width), torch.randn(count, width)

    def pass_by(way: Way) -> None:
        assert layer.router is not None
        layer.zero_grad()
        way(x, plain_weights(layer.router(x), 1), list(layer.experts)).backward(grad)

    calls = [lambda way=way: pass_by(way) for way in (*ways.values(), dispatch.all_experts)]
    times = turns(calls, 5 * scale.rounds)
    for place, name in enumerate(ways):
        yield row(f"layer of {experts} experts, {count} rows, by {name}", "all experts compute all rows",
                  [one[-1] / one[place] for one in times], [count / one[place] for one in times])  # fmt: skip


def preparation(name: str, scale: Scale) -> Row:
    """What drawing a batch takes, over a whole training step."""
    recipe = load.recipe(name, [])
    data = datasets.load(recipe.data.name)  # type: ignore[union-attr]
    model = learning.fresh_model(recipe, data).train()
    batches = Batches(data.train, recipe.learn.batch_size, 0)
    batch, labels = batches.at(0)
    optimizer, place = torch.optim.AdamW(model.parameters()), iter(range(10**9))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(**batch), labels).backward()
        optimizer.step()

    times = turns([lambda: batches.at(next(place)), step], 5 * scale.rounds)
    return row(f"drawing a batch of {name}", "a step without it", [a / b for a, b in times],
               [recipe.learn.batch_size / a for a, _ in times])  # fmt: skip


def turns(ways: Sequence[Callable[[], object]], rounds: int) -> list[tuple[float, ...]]:
    """Seconds of each way, round by round, each round in another order; the first round warms up and is left out."""
    found = []
    for one in range(rounds + 1):
        times = [0.0] * len(ways)
        for place in (range(len(ways)), reversed(range(len(ways))))[one % 2]:
            began = time.perf_counter()
            ways[place]()
            times[place] = time.perf_counter() - began
        found.append(tuple(times))
    return found[1:]


def row(what: str, against: str, ratios: Sequence[float], per_second: Sequence[float]) -> Row:
    """A ratio with its quartiles, and what it was of."""
    low, _, high = quantiles(ratios, n=4)
    return {
        "what": what,
        "against": against,
        "ratio": median(ratios),
        "quartiles": f"{low:.3f} to {high:.3f}",
        "samples or rows a second": round(median(per_second)),
        "rounds": len(ratios),
    }


def _ratio(found: Row) -> float:
    return float(found["ratio"] or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
