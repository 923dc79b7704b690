"""Learn, prune, recover: from a recipe to a small torch model, by way of the run folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn

from l0gm_edge.compile import export
from l0gm_edge.core import arrays, store
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.recipe import Recipe, SiteKind
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import courses, evaluate
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.loop import forget
from l0gm_edge.models import fusion
from l0gm_edge.pipeline.arithmetic import fixed_arithmetic
from l0gm_edge.pipeline.context import Context
from l0gm_edge.prune import prune as pruning
from l0gm_edge.prune.cut import replay

PROOF_ROWS = 256
"""Real validation samples on which the cut is proved."""


def rehearse(context: Context) -> None:
    """Build, gate, size and export an untrained model, so that what cannot work is refused before it is trained.

    Raises DataError, RecipeError, TargetImpossible or ExportFailed.
    """
    recipe, data = context.recipe, context.dataset
    session = attach(recipe, fresh_model(recipe, data), data)
    session.require_reachable(pruning.multiples(channel_multiple(context)))
    example, _ = tensors(data.calibration.take(slice(0, 1)))
    export.program(fresh_model(recipe, data), example)


@fixed_arithmetic()
def learn(context: Context, folder: Path) -> None:
    """Train the dense reference, then the gated model."""
    recipe, data = context.recipe, context.dataset
    dense = fresh_model(recipe, data)
    histories = {courses.DENSE: courses.train_dense(recipe, dense, data, folder, context.progress)}
    gated = fresh_model(recipe, data)
    session = attach(recipe, gated, data)
    histories[courses.GATED] = courses.train_gated(recipe, gated, dense, session, data, folder, context.progress)
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
    model = _with_weights(fresh_model(recipe, data), learned / "gated.safetensors")
    session = attach(recipe, model, data)
    session.begin(courses.gated_steps(recipe) - courses.warm_up_steps(recipe))
    session.load_state_dict(load_file(learned / "gates.safetensors"))
    real, _ = tensors(data.validation.take(slice(0, PROOF_ROWS)))
    pruned = pruning.prune(model, session, channel_multiple(context), real, _base_sha256(recipe, data), recipe.seed)
    store.write_value(folder / "plan.json", pruned.plan)
    store.write_value(folder / "exactness.json", pruned.exactness)
    _save_weights(folder / "model.safetensors", pruned.model)


@fixed_arithmetic()
def recover(context: Context, folder: Path) -> None:
    """Train the cut model for the steps that are left."""
    recipe, data = context.recipe, context.dataset
    dense = dense_model(context)
    small = small_model(context, "prune")
    history = courses.train_recovery(recipe, small, dense, data, folder, context.progress)
    _save_weights(folder / "model.safetensors", small)
    _save_logits(folder / "logits.npz", small, data)
    store.write_value(folder / "routing.json", evaluate.routing(small, data.validation, _kept_experts(context)))
    store.write_value(folder / "history.json", history)
    forget(courses.RECOVERY, folder)


def fresh_model(recipe: Recipe, data: Dataset) -> fusion.LateFusion:
    """The recipe's model with its seed's initial weights."""
    torch.manual_seed(recipe.seed)
    return fusion.build(recipe, data.shapes, len(data.classes))


def dense_model(context: Context) -> fusion.LateFusion:
    """The trained dense reference."""
    weights = context.run.path("learn") / "dense.safetensors"
    return _with_weights(fresh_model(context.recipe, context.dataset), weights)


def small_model(context: Context, stage: str | None) -> fusion.LateFusion:
    """The cut model, rebuilt from plan and weights of `prune` or `recover`; None leaves it untrained."""
    plan = store.read_value(PrunePlan, context.run.path("prune") / "plan.json")
    base = fresh_model(context.recipe, context.dataset)
    small = replay(base, plan)
    assert isinstance(small, fusion.LateFusion)
    return small if stage is None else _with_weights(small, context.run.path(stage) / "model.safetensors")


def _kept_experts(context: Context) -> tuple[int, ...]:
    """The experts that the cut left, by the numbers they had before it."""
    plan = store.read_value(PrunePlan, context.run.path("prune") / "plan.json")
    kept = [site.keep for site in plan.sites if site.kind is SiteKind.EXPERTS]
    return kept[0] if kept else tuple(range(context.recipe.moe.experts))


def channel_multiple(context: Context) -> ChannelMultiple:
    """The multiples that the cut's widths are rounded to."""
    return context.hardware.channel_multiple if context.recipe.prune.round_widths else ChannelMultiple()


def attach(recipe: Recipe, model: fusion.LateFusion, data: Dataset) -> Session:
    """Gates on the recipe's model."""
    example, _ = tensors(data.train.take(slice(0, 2)))
    return Session(model, example, recipe.gates, model.interface_layers())


def _with_weights(model: fusion.LateFusion, path: Path) -> fusion.LateFusion:
    model.load_state_dict(load_file(path))
    return model.eval()


def _save_weights(path: Path, model: nn.Module) -> None:
    store.write_bytes(path, save({name: value.contiguous() for name, value in model.state_dict().items()}))


def _save_logits(path: Path, model: nn.Module, data: Dataset) -> None:
    splits = {"validation": data.validation, "test": data.test}
    arrays.write(path, {name: evaluate.logits(model, split) for name, split in splits.items()})


def _base_sha256(recipe: Recipe, data: Dataset) -> str:
    """Digest of what fixes the base architecture."""
    parts = (recipe.model.model_dump_json(), recipe.moe.model_dump_json(), sorted(data.shapes.items()), data.classes)
    return store.text_sha256(repr(parts))
