"""Learn, prune, recover: from a recipe to a small torch model, by way of the run folder."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn

from l0gm_edge.compile import export
from l0gm_edge.core import arrays, scores, store
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.distillation import LargerTeacher, OwnTeacher
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.larger import larger
from l0gm_edge.core.network import Model
from l0gm_edge.core.plan import PrunePlan, Sized
from l0gm_edge.core.recipe import OwnModel, Recipe, SiteKind
from l0gm_edge.core.report import Routing, Taught
from l0gm_edge.cost.latency import Latency
from l0gm_edge.learn import courses, evaluate, routing, temper
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.distill import Teacher
from l0gm_edge.learn.loop import forget
from l0gm_edge.models import fusion
from l0gm_edge.pipeline import gating, own_model, sizing, tabulating
from l0gm_edge.pipeline.arithmetic import fixed_arithmetic
from l0gm_edge.pipeline.context import Context
from l0gm_edge.pipeline.cuts import Subject
from l0gm_edge.pipeline.tabulating import Tables
from l0gm_edge.prune import prune as pruning
from l0gm_edge.prune import reduce
from l0gm_edge.prune.cut import replay

TEACHER, TAUGHT = "teacher.safetensors", "teacher.json"
PROOF_ROWS = 256
"""Real validation samples on which the cut is proved."""


def rehearse(context: Context) -> None:
    """Build, gate, size and export an untrained model, so that what cannot work is refused before it is trained.

    Raises DataError, RecipeError, OwnCodeFailed, TargetImpossible or ExportFailed.
    """
    recipe, data = context.recipe, context.dataset
    if isinstance(recipe.model, Model):
        fusion.require_readable(recipe.model, data)
    if isinstance(recipe.model, OwnModel):
        own_model.require_fit(fresh_model(recipe, data), recipe.model, own_model.KEY, data)
    if recipe.learn.drop_modalities and len(data.shapes) < 2:
        raise RecipeError(
            f"learn.drop_modalities: data set {data.name} has {', '.join(data.shapes)} alone",
            where=f"recipe {recipe.name}",
            todo="leave the key out: a row never misses all of its modalities",
        )
    if recipe.prune.experts is not None:
        reduce.require_fit(fresh_model(recipe, data), recipe.prune.experts)
    if recipe.distill is not None:
        Teacher(_fresh_teacher(recipe, data) or fresh_model(recipe, data), recipe.distill).require_taps(
            fresh_model(recipe, data)
        )
    if not recipe.gates.target.asks_for_latency:  # what meets that, the device will say
        session = gating.attach(recipe, fresh_model(recipe, data), data, gating.channel_multiple(context))
        gating.require_cut_alike(recipe, session)
    courses.require_fit(recipe, fresh_model(recipe, data), *tensors(data.train.take(slice(0, 2))))
    example, _ = tensors(data.calibration.take(slice(0, 1)))
    export.program(fresh_model(recipe, data), example)
    if recipe.learn.fold_temperature:
        temper.last_linear(fresh_model(recipe, data).eval(), example)


@fixed_arithmetic()
def tabulate(context: Context, folder: Path) -> None:
    """Time cuts of the untrained model on the device, and see that the target is within reach.

    Raises TargetImpossible, and what timing raises.
    """
    recipe, data, found = context.recipe, context.dataset, tables(context)
    latency = Latency(found.tables, _subject(context).size, recipe.gates.target)
    gating.attach(recipe, fresh_model(recipe, data), data, gating.channel_multiple(context), latency)
    store.write_value(folder / "tables.json", found)


def tables(context: Context) -> Tables:
    """The cost tables of the recipe's model on the profile's device. Raises what timing raises."""
    return tabulating.tabulate(_subject(context), context.hardware, _timed_rows(context), progress=context.progress)


@fixed_arithmetic()
def learn(context: Context, folder: Path) -> None:
    """Train the dense reference, then the gated model."""
    recipe, data = context.recipe, context.dataset
    dense = fresh_model(recipe, data)
    histories = courses.train_before(recipe, dense, data, folder, context.progress)
    start = copy.deepcopy(dense.state_dict()) if histories else None
    histories[courses.DENSE] = courses.train_dense(recipe, dense, data, folder, context.progress)
    gated = fresh_model(recipe, data)
    if start is not None:
        gated.load_state_dict(start)
    session = gating.attach(recipe, gated, data, gating.channel_multiple(context), _latency(context))
    teacher = _fresh_teacher(recipe, data) or dense
    if (asked := _larger(recipe)) is not None:
        histories[courses.TEACHER] = courses.train_dense(
            larger(recipe, asked), teacher, data, folder, context.progress, courses.TEACHER
        )
        _save_weights(folder / TEACHER, teacher)
        store.write_value(folder / TAUGHT, _judged(asked, teacher, data))
    histories[courses.GATED] = courses.train_gated(recipe, gated, teacher, session, data, folder, context.progress)
    _save_weights(folder / "dense.safetensors", dense)
    _save_weights(folder / "gated.safetensors", gated)
    store.write_bytes(folder / "gates.safetensors", save(session.state_dict()))
    _save_logits(folder / "logits.npz", dense, data)
    for name, history in histories.items():
        store.write_value(folder / f"history-{name}.json", history)
        forget(name, folder)


@fixed_arithmetic()
def prune(context: Context, folder: Path) -> None:
    """Cut what the gates closed, and prove that the rest gives what it gave."""
    recipe, data = context.recipe, context.dataset
    learned = context.run.path("learn")
    model = fresh_model(recipe, data)
    latency = _latency(context)
    session = gating.attach(recipe, model, data, gating.channel_multiple(context), latency)
    session.load_state_dict(load_file(learned / "gates.safetensors"))
    _with_weights(model, learned / "gated.safetensors")
    real, _ = tensors(data.validation.take(slice(0, PROOF_ROWS)))
    kept: Tensor | None = None
    sized: tuple[Sized, ...] = ()
    if latency is not None:
        kept, sized = sizing.size(
            _subject(context), session, latency, context.hardware, _timed_rows(context), context.progress
        )
    pruned = pruning.prune(model, session, real, _base_sha256(recipe, data), recipe.seed, kept)
    if (fewer := recipe.prune.experts) is not None:
        rows, _ = tensors(data.calibration.take(slice(0, fewer.rows)))
        pruned = reduce.reduced(pruned, fewer, rows, reduce.learned_scores(session), real, recipe.seed)
    store.write_value(folder / "plan.json", pruned.plan.model_copy(update={"latency": sized}))
    store.write_value(folder / "exactness.json", pruned.exactness)
    _save_weights(folder / "model.safetensors", pruned.model)


@fixed_arithmetic()
def recover(context: Context, folder: Path) -> None:
    """Train the cut model for the steps that are left."""
    recipe, data = context.recipe, context.dataset
    teacher = _fresh_teacher(recipe, data) or dense_model(context)
    if _larger(recipe) is not None:
        _with_weights(teacher, context.run.path("learn") / TEACHER)
    small = small_model(context, "prune")
    history = courses.train_recovery(recipe, small, teacher, data, folder, context.progress)
    if recipe.learn.fold_temperature:
        example, _ = tensors(data.validation.take(slice(0, 2)))
        fitted = scores.fit_temperature(evaluate.logits(small, data.validation), data.validation.labels)
        temper.fold(small, example, fitted)
    _save_weights(folder / "model.safetensors", small)
    _save_logits(folder / "logits.npz", small, data)
    store.write_value(folder / "routing.json", _routing(context, small))
    store.write_value(folder / "subsets.json", evaluate.partly(dense_model(context), small, data))
    store.write_value(folder / "history.json", history)
    forget(courses.RECOVERY, folder)


def fresh_model(recipe: Recipe, data: Dataset) -> nn.Module:
    """The recipe's model with its seed's initial weights."""
    torch.manual_seed(recipe.seed)
    if isinstance(recipe.model, OwnModel):
        return own_model.build(recipe.model)
    return fusion.build(recipe, data.shapes, len(data.classes))


def dense_model(context: Context) -> nn.Module:
    """The trained dense reference."""
    weights = context.run.path("learn") / "dense.safetensors"
    return _with_weights(fresh_model(context.recipe, context.dataset), weights)


def small_model(context: Context, stage: str | None) -> nn.Module:
    """The cut model, rebuilt from plan and weights of `prune` or `recover`; None leaves it untrained."""
    plan = store.read_value(PrunePlan, context.run.path("prune") / "plan.json")
    base = fresh_model(context.recipe, context.dataset)
    small = replay(base, plan)
    return small if stage is None else _with_weights(small, context.run.path(stage) / "model.safetensors")


def taught(context: Context) -> Taught | None:
    """What is known of the larger teacher; None when there is none."""
    path = context.run.path("learn") / TAUGHT
    return store.read_value(Taught, path) if _larger(context.recipe) is not None else None


def _judged(asked: LargerTeacher, teacher: nn.Module, data: Dataset) -> Taught:
    return Taught(
        scale=asked.scale,
        parameters=sum(parameter.numel() for parameter in teacher.parameters()),
        accuracy=scores.accuracy(evaluate.logits(teacher, data.test), data.test.labels),
    )


def _larger(recipe: Recipe) -> LargerTeacher | None:
    teacher = recipe.distill.teacher if recipe.distill is not None else None
    return teacher if isinstance(teacher, LargerTeacher) else None


def _fresh_teacher(recipe: Recipe, data: Dataset) -> nn.Module | None:
    """The recipe's given teacher, or its larger one, which is not trained yet; None when the dense model teaches."""
    asked = _larger(recipe)
    return _own_teacher(recipe, data) if asked is None else fresh_model(larger(recipe, asked), data)


def _own_teacher(recipe: Recipe, data: Dataset) -> nn.Module | None:
    """The recipe's given teacher."""
    if recipe.distill is None or not isinstance(recipe.distill.teacher, OwnTeacher):
        return None
    teacher, key = recipe.distill.teacher, "distill.teacher.entry"
    model = own_model.build(teacher, key)
    if teacher.weights is not None:
        own_model.load_weights(model, Path(teacher.weights), "distill.teacher.weights")
    own_model.require_fit(model, teacher, key, data)
    return model


def _routing(context: Context, small: nn.Module) -> Routing:
    """How the experts that the cut left, by the numbers they had before it, share the work."""
    plan = store.read_value(PrunePlan, context.run.path("prune") / "plan.json")
    merged = {cut.module: cut.kept for cut in plan.experts}
    gated = {site.site: site.keep for site in plan.sites if site.kind is SiteKind.EXPERTS}

    def names(path: str, count: int) -> list[str]:
        single = gated.get(f"{path}.experts" if path else "experts", range(count))
        groups = merged.get(path, [(expert,) for expert in single])
        return [f"expert {'+'.join(map(str, group))}" for group in groups]

    return routing.routing(small, context.dataset.validation, names)


def _subject(context: Context) -> Subject:
    """The model that is not trained, as its cuts are timed."""
    model = fresh_model(context.recipe, context.dataset)
    example, _ = tensors(context.dataset.calibration.take(slice(0, 1)))
    return Subject.of(
        model, example, gating.gates_of(context.recipe), gating.channel_multiple(context), gating.interfaces(model)
    )


def _timed_rows(context: Context) -> dict[str, NDArray[np.generic]]:
    return dict(context.dataset.validation.inputs)


def _latency(context: Context) -> Latency | None:
    """What predicts latency, from the tables of this run; None where the target is not one."""
    target = context.recipe.gates.target
    if not target.asks_for_latency:
        return None
    tables = store.read_value(Tables, context.run.path("tabulate") / "tables.json").tables
    return Latency(tables, _subject(context).size, target)


def _with_weights(model: nn.Module, path: Path) -> nn.Module:
    model.load_state_dict(load_file(path))
    return model.eval()


def _save_weights(path: Path, model: nn.Module) -> None:
    weights = {name: value.contiguous().clone() for name, value in model.state_dict().items()}  # tied ones stand twice
    store.write_bytes(path, save(weights))


def _save_logits(path: Path, model: nn.Module, data: Dataset) -> None:
    splits = {"validation": data.validation, "test": data.test}
    arrays.write(path, {name: evaluate.logits(model, split) for name, split in splits.items()})


def _base_sha256(recipe: Recipe, data: Dataset) -> str:
    """Digest of what fixes the base architecture."""
    moe = recipe.moe.model_dump_json() if recipe.moe else None
    parts = (recipe.model.model_dump_json(), moe, sorted(data.shapes.items()), data.classes)
    return store.text_sha256(repr(parts))
