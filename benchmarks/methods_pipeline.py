"""Several modalities in one space: answers to questions, modalities that are missing, retrieval, short films.

Every task trains a dense model, compresses it, and shows both on test for every subset of modalities; a missing one is
zeros. `questions` (recipe pipeline-questions) is taught by the dense model or by a wider one. `avmnist` (recipe
pipeline-avmnist) and `mfeat5` train with every modality there, or with some dropped at random. `emoji` trains pictures
and words to find each other in the space they share; recall@k is the share of rows whose other half is among the k most
alike of the whole test split, the mean of both directions. While it is compressed, a term keeps what is alike across
modalities, or none does. `moving_mnist` is film alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import mean

import torch
from lines import Line, average, by_seed, differences, interval, keep, read, where
from methods_core import Setting, compressed, judged, rows, trained_dense
from result import Bar, Cell, at_least, write
from torch import nn

from l0gm_edge import data as datasets
from l0gm_edge.core import load
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.distillation import LargerTeacher
from l0gm_edge.core.larger import larger
from l0gm_edge.core.recipe import Data, Recipe
from l0gm_edge.learn import alignment, evaluate
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.distill import tapped
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.views import subsets

NAME = "methods_pipeline"
DENSE, SMALL, TEACHER = "dense", "compressed", "larger teacher"
ALL, DROPPED = "every modality there", "modalities dropped"
BY_DENSE, BY_LARGER = "taught by dense", "taught by a larger one"
FREE, KEPT = "no alignment term", "alignment kept"
SEEDS = 3
QUICK_ROWS, QUICK_STEPS = 400, 12
QUESTION_ALONE, FAR_ABOVE = 0.39, 0.30
"""What the question alone tells, answered in the most frequent way (data/digit_questions.py); what is far above it."""
FIVE = "{encoder: tabular, widths: [64], out: 32, dropout: 0.1}"
VIEWS = ("factors", "karhunen", "morphological", "pixel", "zernike")
FACES = ("encoders.image.interface", "encoders.text.interface")


@dataclass(frozen=True)
class Task:
    """A recipe by name, changes to it, and arms: further changes by name."""

    recipe: str
    changes: tuple[str, ...] = ()
    arms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


DROPPING = {ALL: ("learn.drop_modalities=0",), DROPPED: ()}
TASKS = {
    "questions": Task("pipeline-questions", arms={BY_DENSE: ("distill.teacher=dense",), BY_LARGER: ()}),
    "avmnist": Task("pipeline-avmnist", arms=DROPPING),
    "mfeat5": Task(
        "pipeline-avmnist",
        (
            "data.name=mfeat5",
            f"model.encoders={{{', '.join(f'{view}: {FIVE}' for view in VIEWS)}}}",
            "learn={steps: 400, batch_size: 64, lr: 3.0e-3, drop_modalities: 0.4}",
            f"distill.relations.at=[{', '.join(f'encoders.{view}.interface' for view in VIEWS)}]",
        ),
        DROPPING,
    ),
    "emoji": Task(
        "pipeline-avmnist",
        (
            "data.name=emoji",
            "model.encoders={image: {encoder: image, widths: [16, 32, 64], out: 64, dropout: 0.1}, text: {encoder: "
            "text, widths: [64], out: 64, dropout: 0.1, attention: {width: 64, heads: 4}, vocabulary: 2000}}",
            "learn={steps: 400, batch_size: 64, lr: 2.0e-3, augment: true, objective: aligned}",
            "gates.target={mac_fraction: 0.3}",
            f"distill.relations={{weight: 10, at: [{', '.join(FACES)}]}}",
        ),
        {FREE: ("distill.relations=null",), KEPT: ()},
    ),
    "moving_mnist": Task(
        "pipeline-avmnist",
        (
            "data.name=moving_mnist",
            "model.encoders={video: {encoder: video, widths: [16, 32, 64], out: 96, attention: {width: 96, heads: 4}}}",
            "learn={steps: 2000, batch_size: 64, lr: 2.0e-3}",
            "distill.relations=null",
        ),
        {ALL: ()},
    ),
}


def make(setting: Setting) -> None:
    """Every line that is missing, seed by seed, so that all tasks have the first ones early."""
    for seed in setting.seeds or range(SEEDS):
        for name in setting.data or TASKS:
            make_seed(name, seed, setting)


def make_seed(name: str, seed: int, setting: Setting) -> None:
    """The lines of one task and seed; arms that learn alike share a dense model."""
    path, task = setting.out / f"{NAME}.jsonl", TASKS[name]
    there = {line["arm"] for line in where(read(path), task=name, seed=seed, model=SMALL)}
    known: dict[str, nn.Module] = {}
    for arm, changes in task.arms.items():
        if arm in there:
            continue
        recipe = recipe_of(task, changes, seed, quick=setting.quick)
        assert isinstance(recipe.data, Data)
        data = loaded(recipe.data.name, quick=setting.quick)
        about: Line = {"task": name, "seed": seed, "arm": arm}
        key = recipe.learn.model_dump_json()
        if key not in known:
            known[key] = trained_dense(recipe, data)
        dense = teacher = known[key]
        found = list(figures(dense, data, about | {"model": DENSE}))
        if recipe.distill is not None and isinstance(asked := recipe.distill.teacher, LargerTeacher):
            teacher = trained_dense(larger(recipe, asked), data)
            found += figures(teacher, data, about | {"model": TEACHER})
        small, counted = compressed(recipe, teacher, data)
        found += figures(small, data, about | {"model": SMALL} | counted)  # last: what is there is known by it
        for line in found:
            keep(path, line)


def recipe_of(task: Task, changes: Sequence[str], seed: int, *, quick: bool) -> Recipe:
    """An arm's recipe, of this seed."""
    few = [f"learn.steps={QUICK_STEPS}"] if quick else []
    return load.recipe(task.recipe, [*task.changes, *changes, *few, f"seed={seed}"])


@lru_cache(maxsize=1)
def loaded(name: str, *, quick: bool) -> Dataset:
    """The data of a task."""
    whole = datasets.load(name)
    return rows(whole, QUICK_ROWS) if quick else whole


def figures(model: nn.Module, data: Dataset, about: Line) -> Iterator[Line]:
    """A line for every subset of modalities, all of them last, with what only that one has."""
    asked = subsets(data.shapes)[:-1]
    for present, found in zip(asked, evaluate.partials(model, data, asked), strict=True):
        yield about | {"given": ", ".join(present)} | found.model_dump()
    size: Line = {"parameters": sum(parameter.numel() for parameter in model.parameters())}
    yield about | {"given": ", ".join(sorted(data.shapes))} | judged(model, data) | size | recalls(model, data)


@torch.no_grad()
def recalls(model: nn.Module, data: Dataset) -> Line:
    """How well modalities find each other, the mean over pairs and both directions; empty without a common space."""
    paths = sorted(model.interface_layers()) if isinstance(model, Network) else []
    with tapped(model.eval(), paths) as seen:
        model(**tensors(data.test)[0])
    spoken = {path: seen[path].numpy() for path in paths}
    if len(spoken) < 2 or len({part.shape[1] for part in spoken.values()}) > 1:
        return {}
    return {f"recall_{k}": mean(alignment.recalls(spoken, k).values()) for k in (1, 5)}


def report(setting: Setting) -> int:
    """The table and the bars."""
    lines = read(setting.out / f"{NAME}.jsonl")
    found = [row for name in TASKS for row in table(where(lines, task=name))]
    return write(NAME, found, [] if setting.quick else list(bars(lines)), setting.out)


def table(lines: Sequence[Line]) -> Iterator[Line]:
    """One row for what an arm's model gives from some modalities, in the order in which they were made."""
    for task, arm, model, given in dict.fromkeys(tuple(line[key] for key in KEYS) for line in lines):
        mine = where(lines, task=task, arm=arm, model=model, given=given)
        retrieved = task == "emoji"  # elsewhere, rows of a class are as good as each other
        yield {
            **dict(zip(KEYS, (task, arm, model, given), strict=True)),
            "seeds": len(mine),
            "accuracy": average(mine, "accuracy"),
            "ECE": average(mine, "ece"),
            "ECE scaled": average(mine, "ece_scaled"),
            "recall@1": average(mine, "recall_1") if retrieved else None,
            "recall@5": average(mine, "recall_5") if retrieved else None,
            "parameters": average(mine, "parameters"),
        }


KEYS = ("task", "arm", "model", "given")


def bars(lines: Sequence[Line]) -> Iterator[Bar]:
    """Answers are far above what the question tells; several modalities are above the best one; training with
    modalities dropped helps where one is missing; what keeps modalities aligned keeps retrieval."""
    for model in (DENSE, SMALL):
        answers = average(where(lines, task="questions", model=model, given="image, question"), "accuracy")
        if answers is not None:
            yield at_least(f"questions: accuracy, {model}", answers, QUESTION_ALONE + FAR_ABOVE)
        for name in ("avmnist", "mfeat5"):
            of = where(lines, task=name, arm=DROPPED, model=model)
            if of:
                lead = above_best_single(of)
                yield Bar(f"{name}: accuracy above the best single modality, {model}", lead, 0.0, lead > 0)
    for name in ("avmnist", "mfeat5"):
        of = where(lines, task=name, model=SMALL)
        leads = differences(*(one_missing(where(of, arm=arm)) for arm in (DROPPED, ALL)))
        yield from lead_of(f"{name}: accuracy with one modality missing, lead of training with some dropped", leads)
    of = where(lines, task="emoji", model=SMALL, given="image, text")
    leads = differences(*(by_seed(where(of, arm=arm), "recall_5") for arm in (KEPT, FREE)))
    yield from lead_of("emoji: recall@5 after compression, lead of the alignment term", leads)


def above_best_single(lines: Sequence[Line]) -> float:
    """The accuracy with every modality, less the best with one."""
    means = {str(given): average(where(lines, given=given), "accuracy") or 0.0 for given in {x["given"] for x in lines}}
    whole = max(means, key=lambda given: given.count(","))
    return means[whole] - max(value for given, value in means.items() if "," not in given)


def one_missing(lines: Sequence[Line]) -> dict[Cell, float]:
    """By seed, the mean accuracy over the subsets that lack one modality."""
    most = max((str(line["given"]).count(",") for line in lines), default=0)
    lacking = [line for line in lines if str(line["given"]).count(",") == most - 1]
    return {seed: average(where(lacking, seed=seed), "accuracy") or 0.0 for seed in {line["seed"] for line in lacking}}


def lead_of(what: str, leads: Sequence[float]) -> Iterator[Bar]:
    """A bar that holds where the low end of the lead's 95 % interval is above 0."""
    found = interval(leads)
    if found is not None:
        yield Bar(f"{what}, low end of 95 % (mean {found[0]:.4f})", found[1], 0.0, found[1] > 0)
