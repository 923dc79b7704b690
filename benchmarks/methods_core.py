"""What the tables of methods.py share: where lines go, how models are trained from a recipe, and what is judged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from lines import Line
from torch import nn

from l0gm_edge.core import scores
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import courses, evaluate
from l0gm_edge.learn.batches import tensors
from l0gm_edge.models.fusion import Network
from l0gm_edge.pipeline import learning
from l0gm_edge.prune.prune import prune

SILENT = Silent()
PROOF_ROWS = 64


@dataclass(frozen=True)
class Setting:
    """Where lines and tables go, the seeds and data sets asked for (null: the table's own), and whether at small
    scale."""

    out: Path
    seeds: tuple[int, ...] | None = None
    data: Sequence[str] | None = None
    quick: bool = False


class Table(Protocol):
    """What a file methods_<table>.py defines."""

    def make(self, setting: Setting) -> None:
        """Make the lines that are missing."""

    def report(self, setting: Setting) -> int:
        """Write the table; 0 when every bar holds."""


def seeds(text: str) -> range:
    """`0-4` as a range, or `3` as one of one."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a course's checkpoints."""
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-methods-") as folder:
        yield Path(folder)


def trained_dense(recipe: Recipe, data: Dataset) -> nn.Module:
    """The recipe's dense model."""
    model = learning.fresh_model(recipe, data)
    with scratch() as folder:
        courses.train_dense(recipe, model, data, folder, SILENT)
    return model


def compressed(
    recipe: Recipe, teacher: nn.Module, data: Dataset, kind: Callable[..., Session] = Session
) -> tuple[nn.Module, Line]:
    """The recipe's model gated, cut to whole units, and recovered; the active fraction expected before the cut and
    realised by it, and how far apart the cut and the gated model are. `kind` makes the gates."""
    model = learning.fresh_model(recipe, data)
    assert isinstance(model, Network)
    session = kind(model, tensors(data.train.take(slice(0, 2)))[0], recipe.gates, {}, model.interface_layers())
    real, _ = tensors(data.validation.take(slice(0, PROOF_ROWS)))
    with scratch() as folder:
        courses.train_gated(recipe, model, teacher, session, data, folder, SILENT)
        expected = session.expected_active_fraction
        pruned = prune(model, session, real, "", recipe.seed)
        courses.train_recovery(recipe, pruned.model, teacher, data, folder, SILENT)
    told: Line = {"expected": expected, "realised": pruned.plan.active_fraction, "apart": pruned.exactness.worst}
    return pruned.model, told


def judged(model: nn.Module, data: Dataset) -> Line:
    """Every figure of a model on test, raw and after the temperature fitted on validation; and on validation."""
    splits = {"validation": data.validation, "test": data.test}
    logits = {name: evaluate.logits(model, split) for name, split in splits.items()}
    labels = {name: split.labels for name, split in splits.items()}
    found = scores.score(logits, labels)
    return {
        "accuracy": found.accuracy,
        "macro_f1": scores.macro_f1(logits["test"], labels["test"]),
        "auroc": found.auroc,
        "ece": found.ece,
        "ece_scaled": found.ece_scaled,
        "nll": found.nll,
        "nll_scaled": found.nll_scaled,
        "brier": found.brier,
        "brier_scaled": found.brier_scaled,
        "temperature": found.temperature,
        "validation_accuracy": scores.accuracy(logits["validation"], labels["validation"]),
        "validation_auroc": scores.auroc(logits["validation"], labels["validation"]),
    }


def rows(data: Dataset, count: int) -> Dataset:
    """The data with so many rows of every split at most, for small scale."""
    few = {
        name: split.take(np.arange(min(count, len(split))))
        for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test))
    }
    return replace(data, **few)
