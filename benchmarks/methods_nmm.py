"""Native multimodal models (arXiv 2504.07951): early against late fusion, and experts, at equal active parameters and
equal compute.

Early fusion is one transformer over the tokens of all modalities (`recipes/nmm-avmnist.yaml`, with a dense feed-forward
layer or 8 experts, each token to one); late fusion is one transformer a modality. Arms of a size have the same active
parameters: all but those of experts that a token does not go through. Widths of feed-forward layers and, of towers, of
tokens are fitted to that of dense early fusion. They have the same compute: steps are chosen so that active
multiply-adds of all samples agree. Each modality alone, by the same dense transformer, has as much compute as all
together, but sees at most `MOST_SAMPLES` times the samples. Settings but the widths are the same for all arms of a data
set and size; the learning rate was chosen on validation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import mean

import numpy as np
from lines import Line, average, differences, interval, keep, read, told, where
from methods_core import Setting, judged, rows, trained_dense
from result import Bar, at_least, write
from scaling import Law, law
from torch import Tensor, nn

from l0gm_edge import data as datasets
from l0gm_edge.core import load
from l0gm_edge.core.dataset import SPLITS, Dataset, Split
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.learn import routing
from l0gm_edge.learn.batches import tensors
from l0gm_edge.models import fusion
from l0gm_edge.models.attention import SelfAttention
from l0gm_edge.models.moe import Expert, MoE
from l0gm_edge.models.routing import ByModality

NAME, RECIPE = "methods_nmm", "nmm-avmnist"
DENSE, LATE, AGNOSTIC, AWARE = "early, dense", "late, dense", "early, MoE agnostic", "early, MoE aware"
ALONE = "alone"
ARMS: dict[str, tuple[str, ...]] = {
    DENSE: ("moe.experts=1", "moe.routing=agnostic"),
    LATE: ("model.fusion=towers", "moe.experts=1", "moe.routing=agnostic"),
    AGNOSTIC: ("moe.routing=agnostic",),
    AWARE: ("moe.routing=aware",),
}
SIZES = {"small": 16, "medium": 32, "large": 48}
"""Width of early fusion's tokens; the feed-forward layer is twice as wide."""
MEDIUM = "medium"
SEEDS = 3
HEADS = 2
MOST_SAMPLES = 4
QUICK_ROWS, QUICK_STEPS, QUICK_SIZES, QUICK_DATA = 600, 30, ("small", "medium"), ("mfeat5",)


@dataclass(frozen=True)
class Task:
    """A data set's patches, samples a step, learning rate at the medium size, and steps of dense early fusion, from
    which the other arms' follow."""

    patches: Mapping[str, int]
    batch: int
    lr: float
    steps: int


# Learning rates by mean validation accuracy at the medium size, one seed. AV-MNIST, over dense early, late and agnostic
# experts: 92.1 % at 6e-3, 92.4 % at 1e-2. The five tables, over dense early and agnostic experts: 97.8 % at 3e-3,
# 97.3 % at 6e-3. Other widths have it in inverse proportion: at the large size of AV-MNIST dense early fusion had
# 88.2 % at 3e-3 and 90.4 % at 5e-3, at 1e-2 (another seed) 85.7 %; at the small one 82.2 % at 2e-2, at 1e-2 (another)
# 78.9 %.
TASKS = {
    "avmnist": Task({"audio": 8, "image": 7}, 64, 1e-2, 500),
    "mfeat5": Task({"factors": 27, "karhunen": 16, "morphological": 6, "pixel": 30, "zernike": 16}, 64, 3e-3, 300),
}


@dataclass(frozen=True)
class Shape:
    """Widths of tokens and of a feed-forward layer."""

    latent: int
    hidden: int


def make(setting: Setting) -> None:
    """Every line that is missing, the smallest first."""
    path = setting.out / f"{NAME}.jsonl"
    for seed in setting.seeds or range(SEEDS):
        for name in setting.data or (QUICK_DATA if setting.quick else tuple(TASKS)):
            for size in QUICK_SIZES if setting.quick else SIZES:
                there = {line["arm"] for line in where(read(path), data=name, seed=seed, size=size)}
                for arm in arms(name):
                    if arm not in there:
                        keep(path, run(name, size, arm, seed, quick=setting.quick))


def arms(name: str) -> tuple[str, ...]:
    """All arms of a data set: fusions, then each modality alone."""
    return (*ARMS, *(f"{modality} {ALONE}" for modality in TASKS[name].patches))


def run(name: str, size: str, arm: str, seed: int, *, quick: bool) -> Line:
    """One model trained and judged."""
    data = loaded(name, arm, quick=quick)
    dense = Shape(SIZES[size], 2 * SIZES[size])
    base = recipe_of(name, DENSE, dense, seed, tuple(TASKS[name].patches))
    reference = fusion.build(base, loaded(name, DENSE, quick=quick).shapes, len(data.classes))
    shape = dense if arm.endswith(ALONE) else fitted(name, arm, size, active(reference), data)
    recipe = recipe_of(name, arm, shape, seed, tuple(data.shapes), size)
    made = fusion.build(recipe, data.shapes, len(data.classes))
    first = QUICK_STEPS if quick else TASKS[name].steps
    compute = macs(reference, loaded(name, DENSE, quick=quick)) * first
    steps = min(round(compute / macs(made, data)), MOST_SAMPLES * first if arm.endswith(ALONE) else sys.maxsize)
    recipe = recipe.model_copy(update={"learn": recipe.learn.model_copy(update={"steps": steps})})
    model = trained_dense(recipe, data)
    layers = routing.routing(model, data.validation, lambda _, count: [str(one) for one in range(count)]).layers
    return {
        "data": name,
        "size": size,
        "arm": arm,
        "seed": seed,
        "latent": shape.latent,
        "hidden": shape.hidden,
        "active": active(made),
        "parameters": _count(made),
        "macs": macs(made, data),
        "steps": steps,
        "samples": steps * recipe.learn.batch_size,
        "specialization": json.dumps([layer.specialization for layer in layers if len(layer.experts) > 1]),
        **judged(model, data),
    }


def recipe_of(name: str, arm: str, shape: Shape, seed: int, modalities: Sequence[str], size: str = MEDIUM) -> Recipe:
    """The recipe of an arm, shape and size, steps aside."""
    task = TASKS[name]
    rate = task.lr * SIZES[MEDIUM] / SIZES[size]
    tokens = ", ".join(f"{one}: {{patch: {task.patches[one]}}}" for one in modalities)
    changes = (
        f"data.name={name}",
        f"model.tokens={{{tokens}}}",
        f"model.transformer.heads={HEADS}",
        f"model.latent={shape.latent}",
        f"moe.hidden={shape.hidden}",
        f"learn.batch_size={task.batch}",
        f"learn.lr={rate}",
        f"seed={seed}",
    )
    return load.recipe(RECIPE, [*changes, *ARMS[DENSE if arm.endswith(ALONE) else arm]])


@lru_cache(maxsize=16)
def loaded(name: str, arm: str, *, quick: bool) -> Dataset:
    """The arm's data: all modalities, or one alone."""
    if arm.endswith(ALONE):
        return only(loaded(name, DENSE, quick=quick), arm.removesuffix(ALONE).strip())
    if arm != DENSE:
        return loaded(name, DENSE, quick=quick)
    whole = datasets.load(name)
    return rows(whole, QUICK_ROWS) if quick else whole


def only(data: Dataset, modality: str) -> Dataset:
    """The data with one of its modalities."""
    parts = {name: getattr(data, name) for name in SPLITS}
    splits = {name: Split({modality: part.inputs[modality]}, part.labels) for name, part in parts.items()}
    return Dataset(data.name, {modality: data.shapes[modality]}, data.classes, **splits)


def fitted(name: str, arm: str, size: str, target: int, data: Dataset) -> Shape:
    """The shape whose active parameters are nearest to the target: the widest tokens not above early fusion's with
    which a feed-forward layer twice as wide stays below it, and then the layer's width."""

    def parameters(latent: int, hidden: int) -> int:
        return active(fusion.build(recipe_of(name, arm, Shape(latent, hidden), 0, tuple(data.shapes)), data.shapes, 10))

    latent = SIZES[size]
    while arm == LATE and parameters(latent, 2 * latent) > target and latent > HEADS:
        latent -= HEADS
    step = parameters(latent, 2) - parameters(latent, 1)
    return Shape(latent, max(1, 1 + round((target - parameters(latent, 1)) / step)))


def active(model: nn.Module) -> int:
    """Parameters without those of the experts, and of other modalities' routers, that a token does not go through."""
    apart = [layer for layer in model.modules() if isinstance(layer, ByModality)]
    owned = {one for layer in apart for one in layer.values()}
    shared = [layer for layer in model.modules() if isinstance(layer, MoE) and layer not in owned]
    spared = [_count(layer) - max(map(_of_a_token, layer.values())) for layer in apart]
    return _count(model) - sum(spared) - sum(_count(layer) - _of_a_token(layer) for layer in shared)


def _of_a_token(layer: nn.Module) -> int:
    assert isinstance(layer, MoE)
    return _count(layer) - (len(layer.experts) - layer.top_k) * _count(layer.experts[0])


def _count(model: nn.Module) -> int:
    return sum(one.numel() for one in model.parameters())


def macs(model: nn.Module, data: Dataset) -> int:
    """Active multiply-adds of one sample: of linear layers, of attention, and of the experts that tokens go through."""
    counts: list[int] = []

    def count(layer: nn.Module, args: tuple[Tensor, ...], _: Tensor) -> None:
        places, width = args[0].shape[:-1].numel(), args[0].shape[-1]
        if isinstance(layer, MoE):
            counts.append(places * min(layer.top_k, len(layer.experts)) * 2 * width * _hidden(layer))
        elif isinstance(layer, SelfAttention):
            counts.append(2 * places**2 * width)
        elif isinstance(layer, nn.Linear):
            counts.append(places * layer.in_features * layer.out_features)

    inside = {part for layer in model.modules() if isinstance(layer, Expert) for part in layer.modules()}
    counted = [one for one in model.modules() if isinstance(one, MoE | SelfAttention | nn.Linear) and one not in inside]
    hooks = [layer.register_forward_hook(count) for layer in counted]
    try:
        with evaluating(model):
            model(**tensors(data.train.take(slice(0, 1)))[0])
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)


def _hidden(layer: MoE) -> int:
    expert = layer.experts[0]
    assert isinstance(expert, Expert)
    return expert.up.out_features


def report(setting: Setting) -> int:
    """The table, the laws fitted to it, and the bars."""
    lines = read(setting.out / f"{NAME}.jsonl")
    names = [name for name in TASKS if where(lines, data=name)]
    write(f"{NAME}-laws", list(laws(lines, names)), [], setting.out)
    table = [row for name in names for row in rows_of(where(lines, data=name))]
    return write(NAME, table, [] if setting.quick else list(bars(lines, names)), setting.out)


def rows_of(lines: Sequence[Line]) -> Iterator[Line]:
    """One row a size and arm of a data set; leads are over dense early fusion of the size, seed by seed."""
    for size in SIZES:
        for arm in dict.fromkeys(str(line["arm"]) for line in where(lines, size=size)):
            mine = where(lines, size=size, arm=arm)
            lead = leads(lines, arm, (size,)) if arm != DENSE else []
            yield {
                "data": mine[0]["data"],
                "size": size,
                "arm": arm,
                "seeds": len(mine),
                "widths": f"{mine[0]['latent']}, {mine[0]['hidden']}",
                **{figure: mine[0][figure] for figure in ("active", "parameters", "macs", "steps")},
                **{figure: average(mine, figure) for figure in ("accuracy", "ece", "ece_scaled", "nll")},
                "lead over early, dense": told(lead),
                "specialization by layer": specialization(mine),
            }


def specialization(lines: Sequence[Line]) -> str:
    """The mean score of each layer; experts of one modality each have no other, which is 1 by construction."""
    scores = [json.loads(str(line["specialization"])) for line in lines]
    if not scores[0]:
        return ""
    if None in scores[0]:
        return "1 by construction"
    return ", ".join(f"{value:.3f}" for value in np.mean(scores, axis=0))


def keyed(lines: Sequence[Line], arm: str, figure: str, sizes: Sequence[str] = tuple(SIZES)) -> dict[object, float]:
    """A figure of an arm by size and seed."""
    found = [line for line in where(lines, arm=arm) if line["size"] in sizes]
    return {(line["size"], line["seed"]): float(line[figure] or 0) for line in found}


def leads(lines: Sequence[Line], arm: str, sizes: Sequence[str]) -> list[float]:
    """An arm's accuracy less that of dense early fusion, for every size and seed that has both."""
    return differences(*(keyed(lines, one, "accuracy", sizes) for one in (arm, DENSE)))


def laws(lines: Sequence[Line], names: Sequence[str]) -> Iterator[Line]:
    """What error and loss on test fall by as active parameters or compute grow, arm by arm."""
    for name in names:
        for arm in ARMS:
            mine = where(lines, data=name, arm=arm)
            for figure, values in (
                ("error", [1 - float(line["accuracy"] or 0) for line in mine]),
                ("loss", [float(line["nll"] or 0) for line in mine]),
            ):
                over = {
                    "active parameters": [float(line["active"] or 0) for line in mine],
                    "compute": [float(line["macs"] or 0) * float(line["samples"] or 0) for line in mine],
                }
                for what, scale in over.items():
                    found = law(scale, values, [line["seed"] for line in mine])
                    if found is not None:
                        yield {"data": name, "arm": arm, "figure": figure, "over": what} | fit(found)


def fit(found: Law) -> Line:
    """A law as cells."""
    return {"exponent": found.exponent, "interval": f"{found.low:.3f} to {found.high:.3f}", "points": found.points}


def bars(lines: Sequence[Line], names: Sequence[str]) -> Iterator[Bar]:
    """Both dense and MoE early fusion above the best single modality; MoE not below dense. Pairs are of size and
    seed."""
    for name in names:
        of = where(lines, data=name)
        alone = {arm: average(where(of, arm=arm), "accuracy") for arm in arms(name) if arm.endswith(ALONE)}
        best = max(alone, key=lambda arm: alone[arm] or 0)
        for arm in (DENSE, AGNOSTIC):
            ahead = interval(differences(keyed(of, arm, "accuracy"), keyed(of, best, "accuracy")))
            if ahead:
                bar = f"{name}: lead of {arm} over {best}, the best single modality, low end of 95 %"
                yield Bar(bar, ahead[1], 0.0, ahead[1] > 0)
        for size in (*SIZES, None):
            found = leads(of, AGNOSTIC, (size,) if size else tuple(SIZES))
            if found:
                bar = f"{name}, {size or 'all sizes'}: mean lead of {AGNOSTIC} over {DENSE}, points; with its 95 %: "
                yield at_least(bar + told(found), 100 * mean(found), 0.0)
