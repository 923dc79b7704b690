"""The three courses of a run: the dense reference, the gated model, and the recovery after the cut.

The dense model trains for `learn.steps`. The compressed one gets the same number in all: warm-up and gates before the
cut, recovery after it. Every course starts from the same initial weights and sees the same batches.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import schedule
from l0gm_edge.learn.distill import Teacher
from l0gm_edge.learn.history import History
from l0gm_edge.learn.loop import Course, train

DENSE, GATED, RECOVERY, TEACHER = "dense", "gated", "recovery", "teacher"


def train_dense(
    recipe: Recipe, model: nn.Module, data: Dataset, folder: Path, progress: Progress, name: str = DENSE
) -> History:
    """Train the dense reference, or a larger teacher, in place."""
    course = Course(
        name,
        recipe.learn,
        recipe.learn.steps,
        schedule.cosine,
        recipe.seed,
        balance_weight=recipe.moe.balance_weight if recipe.moe else 0.0,
    )
    return train(course, model, data.train, folder, progress)


def train_gated(
    recipe: Recipe,
    model: nn.Module,
    teacher: nn.Module,
    session: Session,
    data: Dataset,
    folder: Path,
    progress: Progress,
) -> History:
    """Train the model with gates, in place, up to the cut."""
    course = Course(
        GATED,
        recipe.learn,
        gated_steps(recipe),
        schedule.constant,
        recipe.seed,
        balance_weight=recipe.moe.balance_weight if recipe.moe else 0.0,
        teacher=_teacher(recipe, teacher),
        session=session,
        warm_up=warm_up_steps(recipe),
    )
    return train(course, model, data.train, folder, progress)


def train_recovery(
    recipe: Recipe, model: nn.Module, teacher: nn.Module, data: Dataset, folder: Path, progress: Progress
) -> History:
    """Train the cut model, in place, for the steps that are left."""
    steps, aware = recipe.learn.steps - gated_steps(recipe), recipe.learn.quantization_aware
    course = Course(
        RECOVERY,
        recipe.learn,
        steps,
        schedule.cosine,
        recipe.seed + 1,
        balance_weight=recipe.moe.balance_weight if recipe.moe else 0.0,
        teacher=_teacher(recipe, teacher),
        fake_from=steps - round(aware * steps) if aware else None,
    )
    return train(course, model, data.train, folder, progress)


def warm_up_steps(recipe: Recipe) -> int:
    """Steps before the gates start; at least one, to measure importance."""
    return max(1, round(recipe.learn.warm_up * recipe.learn.steps))


def gated_steps(recipe: Recipe) -> int:
    """Steps up to the cut, the warm-up included."""
    recovery = round(recipe.learn.recovery * recipe.learn.steps)
    return max(warm_up_steps(recipe) + 1, recipe.learn.steps - recovery)


def _teacher(recipe: Recipe, model: nn.Module) -> Teacher | None:
    return Teacher(model, recipe.distill) if recipe.distill is not None else None
