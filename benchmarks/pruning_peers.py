"""Gates against their peers, from the same dense networks, at the same cost of one inference.

    python benchmarks/pruning_peers.py [--task NAME ...] [--seeds 0-9] [--arms NAME ...] [--by steps|compute|latency]
    python benchmarks/pruning_peers.py --report

Every (task, seed, arm, budget, what is equal) is one line of results/pruning_peers.jsonl, kept when it is done, so that
the whole may be made in pieces and goes on where it stopped; `--report` writes the tables of what is there. Cost is
multiply-accumulates, which do not hang on a machine; `--by latency` times what the arms of a seed were cut to, beside
the dense network. Data come from L0GM_EDGE_DATA. Settings are chosen on validation (`--split validation`), never on
test.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import torch
from dense import HARDWARE, compiled, medians
from lines import Line, keep, read
from pruning_arms import ARMS, DENSE_SHARE, Trainer, Unreachable, example, logits, macs, one_thread
from pruning_report import BY, TIMED, report
from pruning_tasks import TASKS, Task
from result import RESULTS, Cell
from torch import nn

from l0gm_edge import devices
from l0gm_edge.core import scores
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.measure import job

CACHE = RESULTS / "pruning_peers.jsonl"
RUNTIME = "onnxruntime"


def main(arguments: list[str]) -> int:
    """Make what is asked for and is not there yet; report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--by", nargs="+", choices=(*BY, TIMED), default=list(BY))
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
                if TIMED in asked.by:
                    time_cuts(TASKS[name], seed, asked.arms, asked.cache)
        return 0
    return report(read(asked.cache), ARMS)


def make(task: Task, seed: int, arms: list[str], by: list[str], split: str, cache: Path) -> None:
    """One task and seed: every arm, budget and measure of equality that is not in the cache."""
    there = {key(line) for line in read(cache)}
    wanted = [
        (equal, budget, arm)
        for equal in by
        if equal in BY
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


def time_cuts(task: Task, seed: int, arms: list[str], cache: Path) -> None:
    """Time what each arm is cut to at the smallest budget, as fractions of the dense network, interleaved."""
    budget, data = min(task.budgets), task.load()
    if all((task.name, seed, arm, budget, TIMED, "") in {key(line) for line in read(cache)} for arm in arms):
        return
    torch.manual_seed(seed)
    fresh = task.build(data)
    whole = macs(fresh, example(data))
    dense = trained(Trainer(task, data, fresh, seed + 1000, task.steps, "steps", whole), 1.0).model
    one = {name: values[:1] for name, values in example(data).items()}
    models = {"dense": dense}
    for arm in arms:
        trainer = Trainer(task, data, copy.deepcopy(dense), seed, task.extra, "steps", whole)
        with contextlib.suppress(Unreachable):
            next(ARMS[arm](trainer, budget))
            models[arm] = trainer.model
    known = {name: (model.eval(), one) for name, model in models.items()}
    with tempfile.TemporaryDirectory() as folder, devices.opened(HARDWARE) as device:
        job.put_programs(device)
        found = medians(device, RUNTIME, compiled(RUNTIME, known, Path(folder)))
    for arm in arms:
        ratio = found[arm] / found["dense"] if arm in found else None
        keep(cache, named(task, seed, arm, budget, TIMED, "") | {"p50": ratio, "dense_ms": found["dense"]})


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
