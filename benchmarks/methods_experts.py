"""Fewer experts: which to keep, at the same recovery for every way (`l0gm_edge/prune/experts`).

A network with layers of 8 experts is trained: late fusion, where experts see a sample, and a transformer, where they
see tokens. Then 4, 2 or 1 of them are kept in every layer, by every way there is, and the rest is trained for as many
steps. The way `gate` spends the first half of these on learning its gates, so its figures just after the cut are not
held against the others'. Chance is the mean of several draws. Latency and size are those of the compiled files, timed
side by side; they depend on how many experts stay, not on which.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dense import HARDWARE, compiled, medians
from lines import Line, average, by_seed, differences, interval, keep, read, told, where
from methods_core import SILENT, Setting, judged, rows, scratch, trained_dense
from result import Bar, write
from torch import Tensor, nn

from l0gm_edge import data as datasets
from l0gm_edge import devices
from l0gm_edge.core import load, plugins
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.experts import Experts
from l0gm_edge.core.recipe import Gates, Recipe, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import schedule
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.distill import Teacher
from l0gm_edge.learn.loop import Course, train
from l0gm_edge.measure import job
from l0gm_edge.models.moe import MoE
from l0gm_edge.prune import experts as ways
from l0gm_edge.prune import reduce

NAME = "methods_experts"
WAYS = plugins.names("l0gm_edge.prune.experts")
LEADERS, CHANCE, WHOLE = ("reap", "gate"), "random", "all"
EXPERTS, KEPT = 8, (4, 2, 1)
ROWS = 512
DRAWS, APART = 5, 1000
"""How often chance chooses for one seed, as a single draw says more of its luck; and how far apart their seeds are."""
QUICK_ROWS, QUICK_STEPS, QUICK_KEPT = 600, 60, (2,)
WARM_UP = 0.2
"""Share of the gates' half before they choose."""


@dataclass(frozen=True)
class Task:
    """A recipe by name, changes to it, steps after the cut, their learning rate as a share of the recipe's, and how
    many seeds."""

    recipe: str
    changes: tuple[str, ...]
    recovery: int
    rate: float
    seeds: int


FIVE = "{encoder: tabular, widths: [64], out: 24, dropout: 0.1}"
VIEWS = ("factors", "karhunen", "morphological", "pixel", "zernike")
TASKS = {
    "mfeat5": Task(
        "digits",
        (
            "data.name=mfeat5",
            f"model.encoders={{{', '.join(f'{view}: {FIVE}' for view in VIEWS)}}}",
            "moe={experts: 8, top_k: 2, hidden: 64}",
            "model.latent=8",  # with 64 the experts have next to nothing to do: one is as good as eight
            "learn={steps: 400, batch_size: 64, lr: 3.0e-3}",
            "distill={weight: 0.5}",
        ),
        20,
        1.0,
        20,
    ),
    "avmnist": Task("nmm-avmnist", (), 60, 0.1, 8),
}
"""Rates of .1 and 1 were tried on validation, over all ways: at 1 the transformer forgets more than the cut took, and
at .1 the late-fusion network is not done by the end."""


def make(setting: Setting) -> None:
    """Every line that is missing: accuracy, seed by seed, then latency and size."""
    names = setting.data or (("mfeat5",) if setting.quick else tuple(TASKS))
    for name in names:
        for seed in setting.seeds or range(TASKS[name].seeds):
            make_seed(name, seed, setting)
        if not where(read(setting.out / f"{NAME}.jsonl"), data=name, arm="removed"):
            time_cuts(name, setting)


def kept(setting: Setting) -> tuple[int, ...]:
    """How many experts are kept."""
    return QUICK_KEPT if setting.quick else KEPT


def make_seed(name: str, seed: int, setting: Setting) -> None:
    """The accuracy lines of one data set and seed."""
    path = setting.out / f"{NAME}.jsonl"
    there = {(line["arm"], line["keep"]) for line in where(read(path), data=name, seed=seed)}
    wanted = [(way, count) for count in kept(setting) for way in WAYS if (way, count) not in there]
    if not wanted and (WHOLE, EXPERTS) in there:
        return
    recipe, data = recipe_of(name, seed, quick=setting.quick), loaded(name, quick=setting.quick)
    dense = trained_dense(recipe, data)
    about: Line = {"data": name, "seed": seed}
    if (WHOLE, EXPERTS) not in there:
        keep(path, about | {"arm": WHOLE, "keep": EXPERTS} | judged(dense, data) | sized(dense))
    task = TASKS[name]
    after = recipe.model_copy(update={"learn": recipe.learn.model_copy(update={"lr": recipe.learn.lr * task.rate})})
    for way, count in wanted:
        drawn = [
            after.model_copy(update={"seed": seed + APART * draw}) for draw in range(DRAWS if way == CHANCE else 1)
        ]
        found = [run(way, count, one, dense, data, task.recovery) for one in drawn]
        keep(path, about | {"arm": way, "keep": count} | {figure: average(found, figure) for figure in found[0]})


def recipe_of(name: str, seed: int, *, quick: bool) -> Recipe:
    """The task's recipe, of this seed."""
    task = TASKS[name]
    recipe = load.recipe(task.recipe, [*task.changes, f"seed={seed}"])
    if not quick:
        return recipe
    return recipe.model_copy(update={"learn": recipe.learn.model_copy(update={"steps": QUICK_STEPS})})


@lru_cache(maxsize=1)
def loaded(name: str, *, quick: bool) -> Dataset:
    """The task's data."""
    whole = datasets.load(name)
    return rows(whole, QUICK_ROWS) if quick else whole


def run(way: str, count: int, recipe: Recipe, dense: nn.Module, data: Dataset, budget: int) -> Line:
    """What one way comes to with so many experts; `after_cut` is the accuracy before any further step."""
    model, gates, spent = copy.deepcopy(dense), {}, 0
    if ways.plugin(way).LEARNED:
        spent = budget // 2
        gates = gated(model, count, recipe, dense, data, spent)
    seen, _ = tensors(data.calibration.take(slice(0, ROWS)))
    real, _ = tensors(data.validation.take(slice(0, ROWS)))
    found = reduce.reduce(model, Experts(keep=count, by=way, rows=ROWS), seen, gates, real, recipe.seed)
    after_cut = judged(found.model, data)["accuracy"]
    course = Course(
        "recovery",
        recipe.learn,
        budget - spent,
        schedule.cosine,
        recipe.seed + 1,
        balance_weight=balance(recipe),
        teacher=teacher(recipe, dense),
    )
    with scratch() as folder:
        train(course, found.model, data.train, folder, SILENT)
    return {"after_cut": after_cut, "apart": found.exactness.worst} | judged(found.model, data) | sized(found.model)


def gated(
    model: nn.Module, count: int, recipe: Recipe, dense: nn.Module, data: Dataset, steps: int
) -> dict[str, Tensor]:
    """Train the model, in place, with gates on its experts; what they have learned of each."""
    layers = sum(isinstance(layer, MoE) for layer in model.modules())
    settings = Gates(target=Target(units=count * layers), sites=(SiteKind.EXPERTS,), min_experts=count, cuts=0)
    session = Session(model, tensors(data.train.take(slice(0, 2)))[0], settings, {})
    course = Course(
        "gates",
        recipe.learn,
        steps,
        schedule.constant,
        recipe.seed,
        balance_weight=balance(recipe),
        teacher=teacher(recipe, dense),
        session=session,
        warm_up=max(1, round(WARM_UP * steps)),
    )
    with scratch() as folder:
        train(course, model, data.train, folder, SILENT)
    session.close()
    return reduce.learned_scores(session)


def balance(recipe: Recipe) -> float:
    """The weight of the balance loss."""
    return recipe.moe.balance_weight if recipe.moe else 0.0


def teacher(recipe: Recipe, dense: nn.Module) -> Teacher | None:
    """The dense model, where the recipe distils."""
    return Teacher(dense, recipe.distill) if recipe.distill else None


def sized(model: nn.Module) -> Line:
    """The parameters there are."""
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def time_cuts(name: str, setting: Setting) -> None:
    """Size and median latency of the files with all, 4, 2 and 1 experts, removed and merged, in both CPU runtimes."""
    recipe, data = recipe_of(name, 0, quick=True), loaded(name, quick=setting.quick)
    model = trained_dense(recipe, data)
    seen, _ = tensors(data.calibration.take(slice(0, ROWS)))
    one = {key: values[:1] for key, values in seen.items()}
    models = {(WHOLE, EXPERTS): model}
    for count in kept(setting):
        for arm, way in (("removed", "use"), ("merged", "merge")):
            models[arm, count] = reduce.reduce(model, Experts(keep=count, by=way), seen, {}, one, 0).model
    known = {f"{arm} {count}": (each.eval(), one) for (arm, count), each in models.items()}
    lines: dict[str, Line] = {
        f"{arm} {count}": {"data": name, "seed": None, "arm": "removed" if arm == WHOLE else arm, "keep": count}
        for arm, count in models
    }
    with tempfile.TemporaryDirectory() as folder, devices.opened(HARDWARE) as device:
        job.put_programs(device)
        for runtime in HARDWARE.runtimes:
            files = compiled(runtime.name, known, Path(folder))
            times = medians(device, runtime.name, files)
            for label, line in lines.items():
                line |= {f"{runtime.name} ms": times[label], f"{runtime.name} bytes": files[label].stat().st_size}
    for line in lines.values():
        keep(setting.out / f"{NAME}.jsonl", line)


def report(setting: Setting) -> int:
    """The table and the bars."""
    lines = read(setting.out / f"{NAME}.jsonl")
    names = [name for name in TASKS if where(lines, data=name)]
    found = [row for name in names for row in table(name, where(lines, data=name))]
    return write(NAME, found, [] if setting.quick else list(bars(lines, names)), setting.out)


def table(name: str, lines: Sequence[Line]) -> Iterator[Line]:
    """One row a way and number of experts."""
    for count in (EXPERTS, *KEPT):
        for arm in (WHOLE, *WAYS):
            mine = where(lines, arm=arm, keep=count)
            if not mine:
                continue
            file = where(lines, arm="merged" if arm == "merge" else "removed", keep=count)
            yield {
                "data": name,
                "experts": count,
                "way": arm,
                "seeds": len(mine),
                "just after the cut": average(mine, "after_cut"),
                "its lead over random, just after": told(lead(lines, arm, count, "after_cut")),
                "accuracy": average(mine, "accuracy"),
                "its lead over random": told(lead(lines, arm, count, "accuracy")),
                "ECE scaled": average(mine, "ece_scaled"),
                "parameters": average(mine, "parameters"),
                **{f"{one.name} {what}": average(file, f"{one.name} {what}")
                   for one in HARDWARE.runtimes for what in ("ms", "bytes")},
            }  # fmt: skip


def lead(lines: Sequence[Line], arm: str, count: int, figure: str) -> list[float]:
    """A way's figure less that of chance, for every seed that has both; none just after the cut for a way that has
    trained by then, when chance has not."""
    trained = figure == "after_cut" and arm != WHOLE and ways.plugin(arm).LEARNED
    if arm in (WHOLE, CHANCE) or trained:
        return []
    return differences(*(by_seed(where(lines, arm=one, keep=count), figure) for one in (arm, CHANCE)))


def bars(lines: Sequence[Line], names: Sequence[str]) -> Iterator[Bar]:
    """REAP is ahead of chance just after the cut, where no way has trained; the better of REAP and learned gates is
    after the recovery, when all have had the same steps."""
    for name in names:
        of = where(lines, data=name)
        for count in KEPT:
            for figure, when, asked in (
                ("after_cut", "just after the cut", ("reap",)),
                ("accuracy", "after recovery", LEADERS),
            ):
                found = {way: interval(lead(of, way, count, figure), len(asked)) for way in asked}
                ends = {way: one[1] for way, one in found.items() if one}
                if ends:
                    best = max(ends, key=ends.__getitem__)
                    beside = f", the better of {len(asked)}" if len(asked) > 1 else ""
                    what = f"{name}, {count} of {EXPERTS}, {when}: lead of {best}{beside} over random, low end of 95 %"
                    yield Bar(what, ends[best], 0.0, ends[best] > 0)
