"""The three courses of a run: the dense reference, the gated model, and the recovery after the cut.

The dense model trains for `learn.steps`. The compressed one gets the same number in all: warm-up and gates before the
cut, recovery after it. Every course starts from the same initial weights and sees the same batches. Where a recipe has
phases before them, these make the initial weights.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.network import RouterLosses
from l0gm_edge.core.phases import Phase
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Learn, Recipe
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import objectives, parts, schedule
from l0gm_edge.learn.batches import Inputs
from l0gm_edge.learn.distill import Teacher
from l0gm_edge.learn.history import History
from l0gm_edge.learn.loop import Course, train
from l0gm_edge.learn.sparsify import sparsify

DENSE, GATED, RECOVERY, TEACHER = "dense", "gated", "recovery", "teacher"


def train_before(
    recipe: Recipe, model: nn.Module, data: Dataset, folder: Path, progress: Progress
) -> dict[str, History]:
    """Train the phases that come before, in place: what the dense and the gated model then both begin with.

    How each went, by the name of its course.
    """
    histories = {}
    for name, phase in phases(recipe).items():
        settings = phase_settings(recipe, phase)
        balance = _balance(recipe, phase.objective)
        course = Course(
            name,
            settings,
            phase.steps,
            schedule.cosine,
            recipe.seed,
            balance_weight=balance,
            router=_router(recipe, phase.objective),
            trains=phase.trains,
        )
        histories[name] = train(course, model, data.train, folder, progress)
    if histories:
        _sparsify(recipe, model, data)
    return histories


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
        balance_weight=_balance(recipe, recipe.learn.objective),
        router=_router(recipe, recipe.learn.objective),
        trains=recipe.learn.trains,
    )
    history = train(course, model, data.train, folder, progress)
    _sparsify(recipe, model, data)
    return history


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
        balance_weight=_balance(recipe, recipe.learn.objective),
        router=_router(recipe, recipe.learn.objective),
        teacher=_teacher(recipe, teacher),
        session=session,
        warm_up=warm_up_steps(recipe),
        trains=recipe.learn.trains,
    )
    history = train(course, model, data.train, folder, progress)
    _sparsify(recipe, model, data)
    return history


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
        balance_weight=_balance(recipe, recipe.learn.objective),
        router=_router(recipe, recipe.learn.objective),
        teacher=_teacher(recipe, teacher),
        fake_from=steps - round(aware * steps) if aware else None,
        trains=recipe.learn.trains,
    )
    history = train(course, model, data.train, folder, progress)
    _sparsify(recipe, model, data)
    return history


def warm_up_steps(recipe: Recipe) -> int:
    """Steps before the gates start; at least one, to measure importance."""
    return max(1, round(recipe.learn.warm_up * recipe.learn.steps))


def gated_steps(recipe: Recipe) -> int:
    """Steps up to the cut, the warm-up included."""
    recovery = round(recipe.learn.recovery * recipe.learn.steps)
    return max(warm_up_steps(recipe) + 1, recipe.learn.steps - recovery)


def phases(recipe: Recipe) -> dict[str, Phase]:
    """The phases that come before, by the names of their courses: `1-specialization` and so on."""
    return {f"{number}-{phase.objective}": phase for number, phase in enumerate(recipe.learn.before, 1)}


def phase_settings(recipe: Recipe, phase: Phase) -> Learn:
    """The recipe's training, as a phase has it."""
    return recipe.learn.model_copy(update={"objective": phase.objective, "lr": phase.lr or recipe.learn.lr})


def require_fit(recipe: Recipe, model: nn.Module, example: Inputs, labels: Tensor) -> None:
    """Try every objective of the recipe once, on a model that is not trained. Raises RecipeError where one, or the
    parts that are to learn, do not fit the model."""
    parts.require_some(model, recipe.learn.trains, "learn.trains")
    tried = [recipe.learn]
    for name, phase in phases(recipe).items():
        parts.require_some(model, phase.trains, f"learn.before, phase {name}")
        tried.append(phase_settings(recipe, phase))
    with evaluating(model):
        for settings in tried:
            objectives.plugin(settings.objective).loss(model, example, labels, settings)


def _balance(recipe: Recipe, objective: str) -> float:
    """The weight of the balance loss, under objectives that leave routers to it."""
    return recipe.moe.balance_weight if recipe.moe and not objectives.plugin(objective).ROUTES else 0.0


def _router(recipe: Recipe, objective: str) -> RouterLosses:
    """The other losses of routing, likewise."""
    return recipe.moe.losses if recipe.moe and not objectives.plugin(objective).ROUTES else RouterLosses()


def _sparsify(recipe: Recipe, model: nn.Module, data: Dataset) -> None:
    """At the end of every course, so that the share of pairs is kept by the weights there are then."""
    if recipe.moe is not None and recipe.moe.kept_pairs is not None:
        sparsify(model, data.calibration, recipe.moe.kept_pairs)


def _teacher(recipe: Recipe, model: nn.Module) -> Teacher | None:
    return Teacher(model, recipe.distill) if recipe.distill is not None else None
