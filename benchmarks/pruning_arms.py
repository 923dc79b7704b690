"""The arms of pruning_peers.py: ways to come from a dense network, or from none, to one of so many
multiply-accumulates. Every arm sees the same batches, in the same order, under the same learning rate over its budget.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import nets
import torch
from pruning_tasks import Task, take
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import schedule
from l0gm_edge.prune.prune import prune

MULTIPLE = 2
SHARES = torch.linspace(0.02, 0.98, 97).tolist()
"""Shares of channels tried for a peer. Not by halves: a layer that would be rounded down to nothing is left whole, so
that a greater share may cost more."""
WIDTHS = dict.fromkeys((SiteKind.CHANNELS, SiteKind.HIDDEN, SiteKind.WIDTH, SiteKind.INTERFACE), MULTIPLE)
SCORING = 10
"""Batches that peers' scores are gathered over."""
GROUP_DECAY, DECAYED = 1e-2, 0.1
"""Of `group_norm`: strength, and share of the budget under it. Of 1e-4, 1e-3, 1e-2 and .1, .25 the best on validation
at equal steps for both kinds together: 98.3 | 97.7 % (all layers together | the same share of each) on the tutorial's
digits, three seeds, and 46.7 | 46.9 on CIFAR-10, two."""
DENSE_SHARE = 0.4
"""Share of the compute that peers spend on the dense network where compute is what is equal."""
GATED = {"steps": (0.03, 0.42), "compute": (0.04, 0.10)}
"""Shares of the budget before gates begin, and with them. Chosen on validation: at equal compute 0.05, 0.10, 0.20 gave
59.6, 57.9, 56.9 % on CIFAR-10, 54.1, 55.0, 54.7 on MELD, 98.6, 99.2, 97.8 on the tutorial's digits (two seeds)."""


class Unreachable(Exception):
    """No cut that a peer can make fits the budget."""


Shrink = Callable[[nn.Module], None]


@dataclass
class Trainer:
    """One network on its way; `spent` of `budget`, counted in steps or in the dense network's steps (`by`). `early` is
    a trainer of the same network that has spent `DENSE_SHARE` of the same budget and is not used for anything else."""

    task: Task
    data: Dataset
    model: nn.Module
    seed: int
    budget: float
    by: str
    dense_macs: float
    early: Callable[[], Trainer] | None = None
    spent: float = 0.0
    done: int = 0

    def __post_init__(self) -> None:
        self.adopt(self.model)

    def adopt(self, model: nn.Module) -> None:
        """Go on with this network and a fresh optimiser."""
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), self.task.lr, weight_decay=self.task.weight_decay)
        self.weigh()

    def weigh(self) -> None:
        """Count what a step costs from now on."""
        self.price = 1.0 if self.by == "steps" else macs(self.model, example(self.data)) / self.dense_macs

    def step(self, session: Session | None = None, shrink: Shrink | None = None) -> None:
        """One step of training; `shrink` adds to the gradients."""
        torch.manual_seed(1_000_003 * self.seed + self.done)
        rows = torch.randint(len(self.data.train), (self.task.batch_size,))
        inputs, labels = take(self.data.train, rows)
        for group in self.optimizer.param_groups:
            group["lr"] = self.task.lr * schedule.cosine(math.floor(self.spent), math.ceil(self.budget))
        self.model.train()
        loss = F.cross_entropy(self.model(**self.task.augment(inputs)), labels)
        self.optimizer.zero_grad()
        (loss if session is None else loss + session.penalty()).backward()
        if shrink is not None:
            shrink(self.model)
        self.optimizer.step()
        if session is not None:
            before = session.layout
            session.step(self.optimizer)
            if session.layout is not before:
                self.weigh()
        self.spent += self.price
        self.done += 1

    def until(self, share: float, session: Session | None = None, shrink: Shrink | None = None) -> None:
        """Train until this share of the budget is spent."""
        while self.spent < share * self.budget:
            self.step(session, shrink)


Arm = Callable[[Trainer, float], Iterator[None]]
"""Trains within the trainer's budget to a fraction of the dense network's cost; stops once, right after the cut."""


def ours(method: str, **settings: Any) -> Arm:
    """Gates of this method."""

    def arm(trainer: Trainer, fraction: float) -> Iterator[None]:
        before, during = GATED[trainer.by]
        gates = Gates(method=method, target=Target(mac_fraction=fraction), min_units=MULTIPLE, **settings)
        session = Session(trainer.model, example(trainer.data), gates, WIDTHS)
        trainer.until(before, session)
        cheaper = 1.0 if trainer.by == "steps" or method == "hard_concrete" else 0.6 + 0.2 * fraction
        steps = max(8, round(during * trainer.budget / cheaper)) if method != "one_shot" else 1
        session.begin(steps)
        for _ in range(steps):
            trainer.step(session)
        if session.layout.units == int(session.choose().sum()) and method != "hard_concrete":
            session.close()  # cut while it learned: what is left is the small network, with its optimiser's state
        else:
            pruned = prune(trainer.model, session, example(trainer.data), "", trainer.seed)
            trainer.adopt(pruned.model)
        trainer.weigh()
        yield
        trainer.until(1.0)

    return arm


def peer(importance: str, *, everywhere: bool, sparse: bool = False) -> Arm:
    """Torch-Pruning's scores, over all layers together (`everywhere`) or the same share of each; `sparse` trains under
    its group norm's decay first."""

    def arm(trainer: Trainer, fraction: float) -> Iterator[None]:
        if trainer.early is not None:
            early = trainer.early()
            trainer.spent, trainer.done = early.spent, early.done
            trainer.adopt(copy.deepcopy(early.model))
        if sparse:
            until = trainer.spent / trainer.budget + DECAYED
            trainer.until(until, shrink=group_decay(trainer, everywhere=everywhere))
        trainer.adopt(torch_pruning(trainer, importance, fraction, everywhere=everywhere))
        yield
        trainer.until(1.0)

    return arm


def thin(trainer: Trainer, fraction: float) -> Iterator[None]:
    """A network whose layers all have the same share of their width, from scratch; the whole budget is its own."""
    if trainer.by == "steps":
        trainer.budget += trainer.task.steps
    torch.manual_seed(trainer.seed)
    trainer.model = trainer.task.build(trainer.data)
    small = uniform(trainer, fraction)
    torch.manual_seed(trainer.seed)
    for module in small.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):  # drawn by how much they read
            module.reset_parameters()
    trainer.adopt(small)
    yield
    trainer.until(1.0)


ARMS: dict[str, Arm] = {
    "progressive": ours("progressive"),
    "hard_concrete": ours("hard_concrete"),
    "one_shot": ours("one_shot"),
    "magnitude": peer("MagnitudeImportance", everywhere=True),
    "magnitude, local": peer("MagnitudeImportance", everywhere=False),
    "taylor": peer("TaylorImportance", everywhere=True),
    "taylor, local": peer("TaylorImportance", everywhere=False),
    "bn_scale": peer("BNScaleImportance", everywhere=True),
    "bn_scale, local": peer("BNScaleImportance", everywhere=False),
    "group_norm": peer("GroupMagnitudeImportance", everywhere=True, sparse=True),
    "group_norm, local": peer("GroupMagnitudeImportance", everywhere=False, sparse=True),
    "random": peer("RandomImportance", everywhere=False),
    "thin": thin,
}


def torch_pruning(trainer: Trainer, importance: str, fraction: float, *, everywhere: bool) -> nn.Module:
    """A copy cut by Torch-Pruning: of all shares of channels, the one that comes nearest to the budget from below."""
    inputs = example(trainer.data)
    scored = copy.deepcopy(trainer.model)
    classifier(scored).is_classifier = True
    score(trainer, scored)
    best, most = None, 0.0
    for share in SHARES:
        torch.manual_seed(trainer.seed)
        try:
            trial = thinned(scored, inputs, importance, share, everywhere=everywhere)
        except ZeroDivisionError:  # no head left in some block
            continue
        cost = macs(trial, inputs)
        if most < cost <= fraction * trainer.dense_macs:
            best, most = trial, cost
    if best is None:
        raise Unreachable(f"{importance} cannot reach {fraction}")
    best.zero_grad()
    return best


def group_decay(trainer: Trainer, *, everywhere: bool) -> Shrink:
    """The decay of Torch-Pruning's GroupNormPruner, which minds the groups of least norm most (arXiv 2301.12900). Its
    score is that of magnitude: this is what makes it another method."""
    import torch_pruning as tp

    pruner = tp.pruner.GroupNormPruner(
        trainer.model,
        example(trainer.data),
        tp.importance.GroupMagnitudeImportance(),
        reg=GROUP_DECAY,
        global_pruning=everywhere,
        ignored_layers=[classifier(trainer.model)],
        **known_to_torch_pruning(trainer.model),
    )
    return pruner.regularize


def classifier(model: nn.Module) -> nn.Module:
    """The last linear layer."""
    return [one for one in model.modules() if isinstance(one, nn.Linear)][-1]


def known_to_torch_pruning(model: nn.Module) -> dict[str, Any]:
    """What it cannot see by itself: attention heads, and parameters that are not in a layer."""
    return {
        "num_heads": {one.qkv: one.heads for one in model.modules() if isinstance(one, nets.Block)},
        "unwrapped_parameters": [(one.position, 1) for one in model.modules() if isinstance(one, nets.TextTransformer)],
    }


def thinned(
    scored: nn.Module, inputs: dict[str, Tensor], importance: str, share: float, *, everywhere: bool
) -> nn.Module:
    """A copy without this share of all its channels, or of each layer's."""
    import torch_pruning as tp

    trial = copied(scored)
    blocks = [one for one in trial.modules() if isinstance(one, nets.Block)]
    pruner = tp.pruner.MetaPruner(
        trial,
        inputs,
        importance=getattr(tp.importance, importance)(),
        global_pruning=everywhere,
        pruning_ratio=share,
        round_to=MULTIPLE,
        ignored_layers=[one for one in trial.modules() if getattr(one, "is_classifier", False)],
        prune_num_heads=True,
        head_pruning_ratio=share,
        **known_to_torch_pruning(trial),
    )
    pruner.step()
    for block in blocks:
        block.heads = pruner.num_heads[block.qkv]
        block.head_dim = block.qkv.out_features // 3 // block.heads
    return trial


def score(trainer: Trainer, model: nn.Module) -> None:
    """Leave the mean gradient of some batches in the parameters, which Taylor scores read."""
    model.eval().zero_grad()
    generator = torch.Generator().manual_seed(trainer.seed)
    for _ in range(SCORING):
        rows = torch.randint(len(trainer.data.train), (trainer.task.batch_size,), generator=generator)
        inputs, labels = take(trainer.data.train, rows)
        (F.cross_entropy(model(**inputs), labels) / SCORING).backward()


def copied(model: nn.Module) -> nn.Module:
    """A copy with its gradients."""
    made = copy.deepcopy(model)
    for ours_, theirs in zip(made.parameters(), model.parameters(), strict=True):
        ours_.grad = None if theirs.grad is None else theirs.grad.clone()
    return made


def uniform(trainer: Trainer, fraction: float) -> nn.Module:
    """The network cut to the same share of every layer, at most this fraction of the cost."""
    gates = Gates(target=Target(mac_fraction=fraction), min_units=MULTIPLE)
    model = copy.deepcopy(trainer.model)
    session = Session(model, example(trainer.data), gates, WIDTHS)
    layout, best = session.layout, None
    for share in torch.linspace(0, 1, 101).tolist():
        kept = torch.zeros(layout.units, dtype=torch.bool)
        for site in layout.sites:
            width = max(MULTIPLE, round(share * site.width / MULTIPLE) * MULTIPLE)
            kept[layout.offsets[site.name] :][: min(width, site.width)] = True
            if site.kind is SiteKind.BLOCKS:
                kept[layout.span(site)] = True
        if session.budget.count(kept) <= session.budget.limit:
            best = kept
    assert best is not None
    return prune(model, session, example(trainer.data), "", trainer.seed, best).model


def example(data: Dataset) -> dict[str, Tensor]:
    """Two rows."""
    return take(data.train, torch.arange(2))[0]


def macs(model: nn.Module, inputs: dict[str, Tensor]) -> float:
    """Multiply-accumulates of one sample."""
    counter = FlopCounterMode(display=False)
    with evaluating(model), counter:
        model(**inputs)
    return counter.get_total_flops() / 2 / len(next(iter(inputs.values())))


@torch.no_grad()
def logits(model: nn.Module, split: Split) -> Tensor:
    """What a network says of a split: (n, classes)."""
    with evaluating(model):
        parts = [model(**take(split, rows)[0]) for rows in torch.arange(len(split)).split(500)]
    return torch.cat(parts)


@contextmanager
def one_thread() -> Iterator[None]:
    """The same arithmetic whatever else runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
