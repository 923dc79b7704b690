"""Experts specialised without labels, routes selected by them, and pairs of token and expert dropped without training,
in the style of S3 (arXiv 2605.03348).

A transformer with experts for each modality, as in recipe s3-mfeat5. Granularity g has g times as many experts, each g
times narrower, and routes a token to g times as many. Every arm ends alike: pairs are dropped down to a share p by a
score threshold set on the calibration split, then a linear head is fitted on what the frozen network gives. `s3` went
through Specialization and Selection, `specialised` through the former alone, `supervised` was trained by labels for as
many steps as both. p is chosen on validation, of every seed by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from statistics import mean

import torch
from frontier import Curve, Panel, draw
from lines import Line, ahead, average, by_seed, differences, keep, read, told, where
from methods_core import SILENT, Setting, judged, rows, scratch
from result import Bar, at_most, write
from torch import Tensor, nn
from torch.nn import functional

from l0gm_edge import data as datasets
from l0gm_edge.core import load
from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.phases import Part
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.store import write_text
from l0gm_edge.learn import courses, evaluate, parts
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.sparsify import kept_pairs, sparsify
from l0gm_edge.models.fusion import Network
from l0gm_edge.pipeline import learning

NAME = "methods_s3"
ARMS = OURS, UNSELECTED, SUPERVISED = "s3", "specialised", "supervised"
CHOSEN, CHECKS = "s3, p chosen on validation", "checks"
SHARES = (1.0, 0.7, 0.5, 0.3, 0.15, 0.05)
GRANULARITIES = (1, 2, 4)
ALONE_AT = 0.5
"""The share at which rows are answered one by one and in batches of 256."""
BATCH, AGREES = 256, 1e-4
MOST_ROUTERS = 0.05
PROBE_ROWS, PROBE_STEPS, PROBE_PENALTY = 4000, 60, 1e-3
QUICK_ROWS, QUICK_STEPS, QUICK_GRANULARITIES, QUICK_SHARES = 300, 12, (1, 2), (1.0, 0.5)
SEEDS = 3


@dataclass(frozen=True)
class Task:
    """Changes to the recipe, and the granularities that are tried."""

    changes: tuple[str, ...]
    granularities: tuple[int, ...] = GRANULARITIES


TEXT = ("model.latent=48", "model.dropout=0.2", "learn.augment=true", "learn.batch_size=64", "learn.lr=2.0e-3")
TASKS = {
    "mfeat5": Task(()),
    "mustard": Task(
        ("model.tokens={text: {vocabulary: 2000}, context: {vocabulary: 2000}}", *TEXT, *("learn.batch_size=32",))
    ),
    "avmnist": Task(
        (
            "model.tokens={image: {patch: 7}, audio: {patch: 8}}",
            "model.latent=48",
            "learn.augment=true",
            "learn.batch_size=128",
        )
    ),
    "meld_context": Task(
        ("model.tokens={text: {vocabulary: 4000}, context: {vocabulary: 4000}}", *TEXT), granularities=(1, 4)
    ),
}
STEPS = {"mfeat5": (300, 100), "mustard": (150, 50), "avmnist": (500, 100), "meld_context": (250, 60)}
"""Of Specialization and of Selection."""
MOE = "moe={experts: 4, top_k: 1, hidden: 64, combine: plain, kept_pairs: 1.0}"


def make(setting: Setting) -> None:
    """Every line that is missing, seed by seed."""
    for seed in setting.seeds or range(SEEDS):
        for name in setting.data or (("mfeat5",) if setting.quick else tuple(TASKS)):
            for granularity in QUICK_GRANULARITIES if setting.quick else TASKS[name].granularities:
                make_cell(name, granularity, seed, setting)


def make_cell(name: str, granularity: int, seed: int, setting: Setting) -> None:
    """The lines of one data set, granularity and seed."""
    path = setting.out / f"{NAME}.jsonl"
    about: Line = {"data": name, "granularity": granularity, "seed": seed}
    there = where(read(path), **about)
    shares = QUICK_SHARES if setting.quick else SHARES
    if len(there) == len(ARMS) * len(shares) + 1:
        return
    recipe, data = recipe_of(name, granularity, seed, quick=setting.quick), loaded(name, quick=setting.quick)
    networks, checks = trained(recipe, data)
    made = {(line["arm"], line["share"]) for line in there}
    if (CHECKS, None) not in made:
        keep(path, about | {"arm": CHECKS, "share": None} | checks)
    for arm, network in networks.items():
        for share in shares:
            if (arm, share) not in made:
                keep(path, about | {"arm": arm, "share": share} | probed(network, share, data))


def recipe_of(name: str, granularity: int, seed: int, *, quick: bool) -> Recipe:
    """The recipe for this data set, so fine."""
    first, second = (QUICK_STEPS, QUICK_STEPS) if quick else STEPS[name]
    phases = (
        f"learn.before=[{{objective: specialization, steps: {first}}}, "
        f"{{objective: selection, steps: {second}, trains: [routers]}}]"
    )
    steps = f"learn.steps={first + second}"
    changes = [f"data.name={name}", *TASKS[name].changes, MOE, phases, steps, f"seed={seed}"]
    recipe = load.recipe("s3-mfeat5", changes)
    assert recipe.moe is not None
    return recipe.model_copy(update={"moe": recipe.moe.finer(granularity)})


@lru_cache(maxsize=1)
def loaded(name: str, *, quick: bool) -> Dataset:
    """The task's data."""
    whole = datasets.load(name)
    return rows(whole, QUICK_ROWS) if quick else whole


def trained(recipe: Recipe, data: Dataset) -> tuple[dict[str, Network], Line]:
    """The network of every arm, and what is checked of them."""
    first = recipe.model_copy(update={"learn": recipe.learn.model_copy(update={"before": recipe.learn.before[:1]})})
    plain = recipe.learn.model_copy(update={"before": (), "trains": tuple(Part)})
    ours, supervised = network(recipe, data), network(recipe, data)
    with scratch() as folder:
        courses.train_before(first, ours, data, folder, SILENT)
        unselected = copy.deepcopy(ours)
        courses.train_before(recipe, ours, data, folder, SILENT)  # goes on where the first phase ended
        courses.train_dense(recipe.model_copy(update={"learn": plain}), supervised, data, folder, SILENT)
    sizes = {part: sum(one.numel() for one in found) for part, found in parts.parameters(ours).items()}
    checks: Line = {
        "changed": len(others_changed(unselected, ours)),
        "router_share": sizes[Part.ROUTERS] / sum(sizes.values()),
        "apart": apart(ours, data),
    }
    return dict(zip(ARMS, (ours, unselected, supervised), strict=True)), checks


def network(recipe: Recipe, data: Dataset) -> Network:
    """The recipe's network, not yet trained."""
    made = learning.fresh_model(recipe, data)
    assert isinstance(made, Network)
    return made


def others_changed(before: nn.Module, after: nn.Module) -> list[str]:
    """Tensors by name, thresholds and those of routers left out, whose bytes are not the same."""
    digests = [
        {name: sha256(value.numpy().tobytes()).hexdigest() for name, value in model.state_dict().items()}
        for model in (before, after)
    ]
    apart = [name for name, digest in digests[0].items() if digests[1][name] != digest]
    return [name for name in apart if ".router." not in name and not name.endswith(".threshold")]


def apart(model: Network, data: Dataset) -> float:
    """How far the logits of rows alone are from those of the same rows in one batch, at most, of their largest."""
    thin = copy.deepcopy(model).eval()
    sparsify(thin, data.calibration, ALONE_AT)
    inputs, _ = tensors(data.test.take(slice(0, BATCH)))
    count = len(next(iter(inputs.values())))
    with torch.no_grad():
        together = thin(**inputs)
        alone = [thin(**{name: values[row : row + 1] for name, values in inputs.items()}) for row in range(count)]
    return float((torch.cat(alone) - together).abs().max() / together.abs().max())


def probed(model: Network, share: float, data: Dataset) -> Line:
    """What a network with so many of its pairs comes to, under a head fitted anew; and what share it keeps on test."""
    thin = copy.deepcopy(model)
    as_trained = judged(thin, data)["accuracy"] if share == 1.0 else None
    sparsify(thin, data.calibration, share)
    fit_head(thin, data.train.take(slice(0, PROBE_ROWS)))
    return judged(thin, data) | {"kept": mean(kept_pairs(thin, data.test).values()), "as_trained": as_trained}


def fit_head(model: Network, split: Split) -> None:
    """Fit the head, in place, by multinomial regression on what it reads, each feature on a scale of its own."""
    reads: list[Tensor] = []
    hook = model.head.register_forward_pre_hook(lambda _, args: reads.append(args[0].detach()))
    try:
        evaluate.logits(model, split)
    finally:
        hook.remove()
    features, labels = torch.cat(reads), torch.from_numpy(split.labels)
    centre, spread = features.mean(0), features.std(0).clamp_min(1e-3)
    features = (features - centre) / spread
    weight, bias = (
        torch.zeros_like(model.head.weight).requires_grad_(),
        torch.zeros_like(model.head.bias).requires_grad_(),
    )
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=PROBE_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        found = functional.cross_entropy(features @ weight.T + bias, labels) + PROBE_PENALTY * weight.square().sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimizer.step(loss)  # type: ignore[arg-type]
    with torch.no_grad():
        model.head.weight.copy_(weight / spread)
        model.head.bias.copy_(bias - (weight / spread) @ centre)


def report(setting: Setting) -> int:
    """The table, the bars, and the curves as a picture."""
    lines = read(setting.out / f"{NAME}.jsonl")
    cells = [(name, g) for name in TASKS for g in GRANULARITIES if where(lines, data=name, granularity=g)]
    panels = [curves(name, g, where(lines, data=name, granularity=g)) for name, g in cells]
    write_text(setting.out / f"{NAME}.svg", draw(panels))
    found = [row for name, g in cells for row in table(name, g, where(lines, data=name, granularity=g))]
    return write(NAME, found, [] if setting.quick else list(bars(where(lines, arm=CHECKS))), setting.out)


def table(name: str, granularity: int, lines: Sequence[Line]) -> Iterator[Line]:
    """One row an arm and share, and one with the share that validation chooses; leads are seed by seed."""
    for arm in (*ARMS, CHOSEN):
        whole = by_seed(where(lines, arm=arm if arm != CHOSEN else OURS, share=1.0), "accuracy")
        plain = by_seed(where(lines, arm=SUPERVISED, share=1.0), "accuracy")
        for share in (None,) if arm == CHOSEN else SHARES:
            mine = chosen(where(lines, arm=OURS)) if arm == CHOSEN else where(lines, arm=arm, share=share)
            if not mine:
                continue
            accuracy = by_seed(mine, "accuracy")
            before = by_seed(where(lines, arm=UNSELECTED, share=share), "accuracy")
            yield {
                "data": name,
                "granularity": granularity,
                "arm": arm,
                "p": share if arm != CHOSEN else ", ".join(f"{line['share']:g}" for line in mine),
                "seeds": len(mine),
                "accuracy": average(mine, "accuracy"),
                "validation": average(mine, "validation_accuracy"),
                "macro F1": average(mine, "macro_f1"),
                "ECE scaled": average(mine, "ece_scaled"),
                "kept on test": average(mine, "kept"),
                "lead over p = 1": told(differences(accuracy, whole)) if share != 1.0 else "",
                "what Selection adds": told(differences(accuracy, before)) if arm == OURS else "",
                "lead over supervised": told(differences(accuracy, plain)) if arm != SUPERVISED else "",
                "under its own head": average(mine, "as_trained") if arm == SUPERVISED else None,
                "curve": shape(where(lines, arm=arm)) if share == 1.0 else "",
            }


def chosen(lines: Sequence[Line]) -> list[Line]:
    """Of every seed the line that is best on validation; of equals the one that drops most."""
    seeds = sorted({int(line["seed"] or 0) for line in lines})
    ranks = {seed: where(lines, seed=seed) for seed in seeds}
    return [
        max(mine, key=lambda line: (float(line["validation_accuracy"] or 0), -float(line["share"] or 0)))
        for mine in ranks.values()
    ]


def shape(lines: Sequence[Line]) -> str:
    """What accuracy does over p, beyond the spread of the seeds: the best p between the ends against either end.
    Nothing of a single seed."""
    accuracy = {share: by_seed(where(lines, share=share), "accuracy") for share in SHARES}
    shares = [share for share in SHARES if len(accuracy[share]) > 1]
    if len(shares) < 3:
        return ""
    first, *between, last = shares
    peak = max(between, key=lambda share: mean(accuracy[share].values()))
    if all(ahead(accuracy[peak], accuracy[end], len(between)) for end in (first, last)):
        return f"inverted U, peak at {peak:g}"
    if ahead(accuracy[first], accuracy[last]):
        return "falls with p"
    return "rises as p falls" if ahead(accuracy[last], accuracy[first]) else "flat"


def bars(checks: Sequence[Line]) -> Iterator[Bar]:
    """What must hold of every network."""
    if checks:
        worst = {figure: max(float(line[figure] or 0) for line in checks) for figure in ("changed", "apart")}
        yield at_most("tensors other than routers that Selection changed, by their bytes", worst["changed"], 0)
        yield at_most("a batch of 1 against a batch of 256: logits apart, of the largest", worst["apart"], AGREES)
    for granularity in GRANULARITIES:
        of = where(checks, granularity=granularity)
        if of:
            share = max(float(line["router_share"] or 0) for line in of)
            yield at_most(
                f"granularity {granularity}: share of the parameters that Selection trains", share, MOST_ROUTERS
            )


def curves(name: str, granularity: int, lines: Sequence[Line]) -> Panel:
    """Mean accuracy over p, one curve an arm."""
    found = []
    for arm in ARMS:
        points = [(share, average(where(lines, arm=arm, share=share), "accuracy")) for share in SHARES]
        found.append(Curve(arm, tuple((share, 100 * value) for share, value in points if value is not None)))
    return Panel(f"{name}, granularity {granularity}", tuple(found))
