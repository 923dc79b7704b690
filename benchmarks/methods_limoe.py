"""One tower of experts for two modalities, after LIMoE (arXiv 2206.02770): what losses of routing do to it.

The recipe limoe-emoji, and limoe-avmnist.yaml beside this file, with no loss of routing (`none`), with the classic ones
(importance, load and z), with the recipe's own local and global entropies (`entropy`), and a tower without experts of
equal active cost (`dense`). Labels only probe: they teach the head, and no more. A modality uses an expert that serves
5 % of its tokens; counted is the layer in which it uses the fewest. Columns `dropped` are of test batches under room
for 1.05 times the even share, as in training, and for half of it. Emoji are found row by row; of digits, any of the
same class counts as found, because which sound belongs to which picture was drawn by chance. Emoji are also classified
by the names of their groups, which no label has told the tower of (`zero-shot`).

How many experts the recipe's global entropy asks of emoji's text was chosen on seeds that are not reported (100 to
102), by use and by the probe's accuracy on validation: 4 gave 3 and 50.5 %, 6 gave 5 and 51.2 %, 8 gave 8 and 49.7 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import mean

from lines import Line, average, by_seed, differences, keep, read, told, where
from methods_core import Setting, judged, rows, trained_dense
from result import Bar, at_least, write

from l0gm_edge import data as datasets
from l0gm_edge.core import load, scores
from l0gm_edge.core.dataset import Dataset, Prompted
from l0gm_edge.core.network import MoE, RouterLosses
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.learn import alignment, spending
from l0gm_edge.models.fusion.tower import TowerFusion
from l0gm_edge.pipeline.learning import fresh_model

NAME = "methods_limoe"
SEEDS = 3
OURS, NOTHING, DENSE = "entropy", "none", "dense"
FACTORS = (1.05, 0.5)
FOUND_AT = (1, 5)
ENOUGH_EXPERTS = 3
QUICK_ROWS, QUICK_STEPS, QUICK_DATA = 500, 20, ("emoji",)


@dataclass(frozen=True)
class Task:
    """Its recipe, the modality that comes first in the table, the other, and whether what is found need only be of the
    same class."""

    recipe: str
    modalities: tuple[str, str]
    by_class: bool


TASKS = {
    "emoji": Task("limoe-emoji", ("image", "text"), by_class=False),
    "avmnist": Task(str(Path(__file__).with_name("limoe-avmnist.yaml")), ("image", "audio"), by_class=True),
}


def arms(moe: MoE) -> dict[str, MoE]:
    """The recipe's experts, by what is asked of their routers."""
    plain = moe.model_copy(update={"balance_weight": 0.0, "losses": RouterLosses()})
    classic = {"balance_weight": 0.005, "losses": RouterLosses(load=0.005, z=0.001)}
    return {
        NOTHING: plain,
        "classic": plain.model_copy(update=classic),
        OURS: moe,
        DENSE: plain.model_copy(update={"experts": 1, "capacity": None}),
    }


def make(setting: Setting) -> None:
    """Every line that is missing, seed by seed."""
    for seed in setting.seeds or range(SEEDS):
        for name in setting.data or (QUICK_DATA if setting.quick else tuple(TASKS)):
            make_seed(name, seed, setting)


def make_seed(name: str, seed: int, setting: Setting) -> None:
    """The lines of one data set and seed."""
    path = setting.out / f"{NAME}.jsonl"
    there = {line["arm"] for line in where(read(path), data=name, seed=seed)}
    recipe = recipe_of(name, seed, quick=setting.quick)
    assert recipe.moe is not None
    for arm, moe in arms(recipe.moe).items():
        if arm not in there:
            data = loaded(name, quick=setting.quick)
            made = run(recipe.model_copy(update={"moe": moe}), data, TASKS[name])
            keep(path, {"data": name, "seed": seed, "arm": arm} | made)


def recipe_of(name: str, seed: int, *, quick: bool) -> Recipe:
    """The recipe, of this seed, with labels that only probe."""
    steps = (f"learn.steps={QUICK_STEPS}",) if quick else ()
    return load.recipe(TASKS[name].recipe, [f"seed={seed}", "learn.contrastive={probe: true}", *steps])


@lru_cache(maxsize=1)
def loaded(name: str, *, quick: bool) -> Dataset:
    """The recipe's data."""
    whole = datasets.load(name)
    return rows(whole, QUICK_ROWS) if quick else whole


def run(recipe: Recipe, data: Dataset, task: Task) -> Line:
    """What one arm comes to."""
    model = trained_dense(recipe, data)
    assert isinstance(model, TowerFusion)
    labels = data.test.labels
    wanted = labels[:, None] == labels if task.by_class else None
    places = alignment.places(model, data.test)
    line: Line = {"active_parameters": active(recipe, data)} | judged(model, data)
    for k in FOUND_AT:
        line |= {f"{pair} @{k}": value for pair, value in alignment.recalls(places, k, wanted).items()}
    if isinstance(data, Prompted):
        line["zero_shot"] = scores.accuracy(alignment.zero_shot(model, data.test, data), labels)
    spent = spending.spending(model, data.test, recipe.learn.batch_size, FACTORS)
    for name in task.modalities if spent else ():
        of = [one for one in spent if one.modality == name]
        line[f"{name} used"] = min(one.used for one in of)
        line[f"{name} entropy"] = mean(one.entropy for one in of)
        line |= {f"{name} dropped at {factor}": mean(one.dropped[factor] for one in of) for factor in FACTORS}
    return line


def active(recipe: Recipe, data: Dataset) -> int:
    """Parameters that one token meets: with one expert in the place of many, and the router."""
    assert recipe.moe is not None
    one = recipe.model_copy(update={"moe": recipe.moe.model_copy(update={"experts": 1, "losses": RouterLosses()})})
    models = [fresh_model(each, data) for each in (one, recipe)]
    router = sum(value.numel() for name, value in models[1].named_parameters() if ".router." in name)
    return sum(value.numel() for value in models[0].parameters()) + router


def report(setting: Setting) -> int:
    """The table and the bars."""
    lines = read(setting.out / f"{NAME}.jsonl")
    names = [name for name in TASKS if where(lines, data=name)]
    found = [row for name in names for row in table(name, where(lines, data=name))]
    return write(NAME, found, [] if setting.quick else list(bars(lines, names)), setting.out)


def table(name: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Two rows an arm: what holds of each modality; what holds of both stands in the first."""
    first, second = TASKS[name].modalities
    for arm in dict.fromkeys(str(line["arm"]) for line in lines):
        mine = where(lines, arm=arm)
        dense = where(lines, arm=DENSE)
        for wanted, query in ((first, second), (second, first)):
            found = {k: f"{wanted} by {query} @{k}" for k in FOUND_AT}
            lead = differences(by_seed(mine, found[1]), by_seed(dense, found[1])) if arm != DENSE else []
            both = {"accuracy of the probe": average(mine, "accuracy"), "zero-shot": average(mine, "zero_shot")}
            yield {
                "data": name,
                "arm": arm,
                "seeds": len(mine),
                "active parameters": average(mine, "active_parameters"),
                "modality": wanted,
                "experts used": average(mine, f"{wanted} used"),
                "entropy of the router": average(mine, f"{wanted} entropy"),
                **{f"dropped at {one}": average(mine, f"{wanted} dropped at {one}") for one in FACTORS},
                **{f"found by the other @{k}": average(mine, found[k]) for k in FOUND_AT},
                "its lead over dense @1": told(lead),
                **{what: value if wanted == first else "" for what, value in both.items()},
            }


def bars(lines: Sequence[Line], names: Sequence[str]) -> Iterator[Bar]:
    """Entropy losses keep each modality on several experts; what it uses without any loss stands beside."""
    for name in names:
        for modality in TASKS[name].modalities:
            used = {arm: average(where(lines, data=name, arm=arm), f"{modality} used") for arm in (OURS, NOTHING)}
            ours, nothing = used[OURS], used[NOTHING]
            if ours is None or nothing is None:
                continue
            without = f"{nothing:.3g} without losses{'' if nothing < ENOUGH_EXPERTS else ', which is no collapse'}"
            yield at_least(
                f"{name}: experts that {modality} uses under entropy losses; {without}", ours, ENOUGH_EXPERTS
            )
