"""Gates against their peers, from the same dense networks, at the same cost of one inference.

    python benchmarks/pruning_peers.py [--task NAME ...] [--seeds 0-9] [--arms NAME ...] [--by steps|compute] [--report]

Every (task, seed, arm, budget, what is equal) is one line of results/pruning_peers.jsonl, kept when it is done, so that
the whole may be made in pieces and goes on where it stopped; `--report` writes the tables of what is there. Data come
from L0GM_EDGE_DATA. Settings are chosen on validation (`--split validation`), never on test.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import torch
from pruning_arms import ARMS, DENSE_SHARE, Trainer, Unreachable, example, logits, macs, one_thread
from pruning_tasks import TASKS, Task
from result import RESULTS, Bar, Cell, write
from torch import nn

from l0gm_edge.core import scores
from l0gm_edge.core.dataset import Dataset

CACHE = RESULTS / "pruning_peers.jsonl"
DEFAULT = "progressive"
BY = ("steps", "compute")
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""Student's t for 95 % intervals, by degrees of freedom."""
Line = dict[str, Cell]


def main(arguments: list[str]) -> int:
    """Make what is asked for and is not there yet; report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--by", nargs="+", choices=BY, default=list(BY))
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args(arguments)
    first, _, last = asked.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    if not asked.report:
        with one_thread():
            for name, seed in product(asked.task, seeds):
                make(TASKS[name], seed, asked.arms, asked.by, asked.split, asked.cache)
        return 0
    return report(read(asked.cache))


def make(task: Task, seed: int, arms: list[str], by: list[str], split: str, cache: Path) -> None:
    """One task and seed: every arm, budget and measure of equality that is not in the cache."""
    there = {key(line) for line in read(cache)}
    wanted = [
        (equal, budget, arm)
        for equal in by
        for budget, arm in product(task.budgets if equal == "steps" else (min(task.budgets),), arms)
        if (task.name, seed, arm, budget, equal, split) not in there
    ]
    if not wanted:
        return
    data = task.load()
    torch.manual_seed(seed)
    fresh = task.build(data)
    whole = macs(fresh, example(data))

    @functools.cache
    def dense() -> nn.Module:
        made = trained(Trainer(task, data, copy.deepcopy(fresh), seed + 1000, task.steps, "steps", whole), 1.0)
        if (task.name, seed, "dense", 1.0, "steps", split) not in there:
            keep(cache, named(task, seed, "dense", 1.0, "steps", split) | judged(task, made.model, data, split))
        return made.model

    @functools.cache
    def early() -> Trainer:
        return trained(Trainer(task, data, copy.deepcopy(fresh), seed, task.compute, "compute", whole), DENSE_SHARE)

    for equal, budget, arm in wanted:
        by_steps = equal == "steps"
        start = copy.deepcopy(dense() if by_steps else fresh)
        trainer = Trainer(
            task, data, start, seed, task.extra if by_steps else task.compute, equal, whole, None if by_steps else early
        )
        keep(cache, named(task, seed, arm, budget, equal, split) | run(arm, trainer, budget, split))


def run(arm: str, trainer: Trainer, budget: float, split: str) -> Line:
    """What one arm comes to; nothing but a reason where it cannot reach the budget."""
    began = time.perf_counter()
    task, data, part = trainer.task, trainer.data, getattr(trainer.data, split)
    steps = ARMS[arm](trainer, budget)
    try:
        next(steps)
    except Unreachable as error:
        return {"failed": str(error)}
    after_cut = scores.accuracy(logits(trainer.model, part).numpy(), part.labels)
    for _ in steps:
        pass
    return judged(task, trainer.model, data, split) | {
        "after_cut": after_cut,
        "macs": macs(trainer.model, example(data)) / trainer.dense_macs,
        "steps": trainer.done,
        "seconds": round(time.perf_counter() - began, 1),
    }


def trained(trainer: Trainer, share: float) -> Trainer:
    """The trainer, having spent this share of its budget."""
    trainer.until(share)
    return trainer


def judged(task: Task, model: nn.Module, data: Dataset, split: str) -> Line:
    """Accuracy, calibration error, AUROC where there are two classes, and accuracy on familiar rows."""
    part = getattr(data, split)
    said = logits(model, part).numpy()
    found: Line = {
        "accuracy": scores.accuracy(said, part.labels),
        "ece": scores.ece(said, part.labels),
        "auroc": scores.auroc(said, part.labels),
    }
    if task.familiar is not None:
        familiar = getattr(data, task.familiar)
        found["familiar"] = scores.accuracy(logits(model, familiar).numpy(), familiar.labels)
    return found


def named(task: Task, seed: int, arm: str, budget: float, equal: str, split: str) -> Line:
    """What a line is about."""
    return {"task": task.name, "seed": seed, "arm": arm, "budget": budget, "equal": equal, "split": split}


def key(line: Line) -> tuple[Cell, ...]:
    """What a line is about, to look it up by."""
    return tuple(line[name] for name in ("task", "seed", "arm", "budget", "equal", "split"))


def read(cache: Path) -> list[Line]:
    """The lines there are."""
    return [json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines()] if cache.is_file() else []


def keep(cache: Path, line: Line) -> None:
    """Append one line."""
    print(line, flush=True)
    with cache.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def report(lines: list[Line]) -> int:
    """Mean figures of every arm, and the default's paired differences from each, with 95 % intervals."""
    tested = [line for line in lines if line["split"] == "test"]
    groups = sorted({(line["task"], line["budget"]) for line in tested if line["arm"] != "dense"})
    return write("pruning_peers", [row for group in groups for row in rows(tested, *group)], list(bars(tested, groups)))


def rows(lines: list[Line], task: Cell, budget: Cell) -> Iterator[Line]:
    """One row an arm."""
    of = [line for line in lines if line["task"] == task and line["budget"] == budget]
    for arm in ARMS:
        mine = {equal: [line for line in of if line["arm"] == arm and line["equal"] == equal] for equal in BY}
        if any(mine.values()):
            row: Line = {"task": task, "budget": budget, "arm": arm, "seeds": len(mine["steps"] or mine["compute"])}
            row["just after the cut"] = average(mine["steps"], "after_cut")
            for equal in BY:
                row[f"equal {equal}"] = average(mine[equal], "accuracy")
                row[f"default's lead, equal {equal}"] = told(paired(lines, task, budget, arm, equal))
            row |= {name: average(mine["steps"], name) for name in ("ece", "auroc")}
            yield row


def bars(lines: list[Line], groups: list[tuple[Cell, Cell]]) -> Iterator[Bar]:
    """At the smallest budget of each task: ahead of every peer at equal steps, not behind at equal compute."""
    for task in sorted({str(task) for task, _ in groups}):
        smallest = min(float(budget or 1) for one, budget in groups if one == task)
        for arm in ARMS:
            if arm not in (DEFAULT, "hard_concrete", "one_shot"):
                steps = interval(paired(lines, task, smallest, arm, "steps"))
                compute = interval(paired(lines, task, smallest, arm, "compute"))
                if steps is not None:
                    yield Bar(f"{task}: lead over {arm}, equal steps, 95 % bound", steps[1], 0.0, steps[1] > 0)
                if compute is not None:
                    held = compute[0] >= -0.002 and compute[1] > -0.01
                    yield Bar(f"{task}: lead over {arm}, equal compute, 95 % bound", compute[1], -0.01, held)


def paired(lines: list[Line], task: Cell, budget: Cell, arm: str, equal: str) -> list[float]:
    """The default's accuracy less the arm's, seed by seed."""
    by_seed: dict[str, dict[Cell, float]] = {DEFAULT: {}, arm: {}}
    for line in lines:
        if (line["task"], line["budget"], line["equal"]) == (task, budget, equal) and line["arm"] in by_seed:
            by_seed[str(line["arm"])][line["seed"]] = float(line["accuracy"] or 0)
    return [] if arm == DEFAULT else [
        by_seed[DEFAULT][seed] - by_seed[arm][seed] for seed in by_seed[arm] if seed in by_seed[DEFAULT]
    ]  # fmt: skip


def interval(differences: list[float]) -> tuple[float, float] | None:
    """Mean, and the lower end of its 95 % interval."""
    if len(differences) < 2:
        return None
    half = T95.get(len(differences) - 1, 2.0) * stdev(differences) / len(differences) ** 0.5
    return mean(differences), mean(differences) - half


def told(differences: list[float]) -> str:
    """A lead in percentage points, with half its interval."""
    found = interval(differences)
    return "" if found is None else f"{100 * found[0]:+.1f} ± {100 * (found[0] - found[1]):.1f}"


def average(lines: list[Line], name: str) -> float | None:
    """The mean of a figure, where it is there."""
    values = [float(value) for line in lines if (value := line.get(name)) is not None]
    return mean(values) if values else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
