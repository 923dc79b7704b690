"""Settings of the recipes, each beside others, on rows that no result is reported on.

    python benchmarks/choices.py [NAME ...] [--report]

A choice is one entry of CHOICES: what is set, the values tried, and the cases they are tried on. Judged are the
validation rows; where the test is a new voice, a known one that was left out of training instead, and never the test's.
The ECE is after a temperature that one half of these rows gives and the other half is judged by, the NLL after one that
all of them give: it moves less by chance than accuracy does. Every line is kept in
results/choices.jsonl when it is made, so that the whole goes on where it stopped; the table is written at the end, or
by `--report` of what is there. Data come from L0GM_EDGE_DATA.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from lines import Line, average, keep, read, where
from methods_core import compressed, trained_dense
from result import RESULTS, write
from torch import nn

from l0gm_edge import data as datasets
from l0gm_edge.core import load, scores
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.data import avmnist
from l0gm_edge.learn import evaluate, spending
from l0gm_edge.models.fusion import Network
from l0gm_edge.pipeline.arithmetic import fixed_arithmetic

CACHE = RESULTS / "choices.jsonl"
TEXT_EXPERTS = "text experts used"
FIGURES = (*(f"{model}{what}" for model in ("dense", "compressed") for what in ("", "_nll", "_ece")), TEXT_EXPERTS)
LEFT_OUT = ("jackson", "george")
"""Voices that stand in the test's place."""

Extra = Callable[[nn.Module, Dataset, Recipe], Line]


@dataclass(frozen=True)
class Case:
    """A recipe, its data, the split that is judged, and what is set whatever is chosen."""

    recipe: str
    data: Callable[[], Dataset]
    split: str = "validation"
    always: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """`setting` is tried at each of `values`; `cuts` is whether the compressed model is judged too, and `dense_too`
    whether the dense one hangs on the setting."""

    setting: str
    values: tuple[str, ...]
    cases: Mapping[str, Case]
    seeds: tuple[int, ...]
    cuts: bool = True
    dense_too: bool = True
    extra: Extra | None = None


def shipped(name: str, *always: str) -> Case:
    """The recipe l0gm-<name> at a quarter of its features, on its own data."""
    data = functools.partial(datasets.load, name.replace("-", "_"))
    return Case(f"l0gm-{name}", data, always=("gates.target={active_fraction: 0.25}", *always))


def heard(voice: str) -> Case:
    """AV-MNIST with this voice for test."""
    data = functools.partial(avmnist.with_test_speaker, voice, datasets.default_folder())
    return Case("avmnist", data, "test")


def text_experts(model: nn.Module, data: Dataset, recipe: Recipe) -> Line:
    """How many experts serve text, in the layer where fewest do."""
    assert isinstance(model, Network)
    spent = spending.spending(model, data.validation, recipe.learn.batch_size, ())
    return {TEXT_EXPERTS: min(one.used for one in spent if one.modality == "text")}


def films(lr: float, decay: float, words: float) -> str:
    """How reviews of films are trained on."""
    return f"{{steps: 700, batch_size: 64, lr: {lr}, weight_decay: {decay}, augment: true, drop_words: {words}}}"


FIXED = ("gates.method=hard_concrete", "gates.schedule=fixed")
EMOJI = Case("limoe-emoji", functools.partial(datasets.load, "emoji"), always=("learn.contrastive={probe: true}",))
CHOICES = {
    "missing modalities": Choice(
        "learn.drop_modalities", ("0", "0.2"), {voice: heard(voice) for voice in LEFT_OUT}, (0,)
    ),
    "experts of text": Choice(
        "moe.losses.global_entropy.text.experts",
        ("4", "6", "8"),
        {"emoji": EMOJI},
        (100, 101, 102),
        cuts=False,
        extra=text_experts,
    ),
    "distillation": Choice(
        "distill.weight",
        ("0.5", "0.1", "0.01"),
        {name: shipped(name) for name in ("adult", "coauthor-cs", "amazon-computers", "cora")},
        (100, 101),
        dense_too=False,
    ),
    "distillation, long": Choice("distill.weight", ("0.5", "0.1"), {"imdb": shipped("imdb")}, (100,), dense_too=False),
    "recovery, long": Choice(
        "learn.recovery", ("0.4", "0.6", "0.75"), {"imdb": shipped("imdb")}, (100,), dense_too=False
    ),
    "films": Choice(
        "learn",
        (films(3e-3, 0.1, 0.4), films(1e-3, 2.0, 0.15), films(1e-3, 2.0, 0.4), films(1e-3, 2.0, 0.6)),
        {"imdb": shipped("imdb")},
        (100,),
        cuts=False,
    ),
    "fixed penalty": Choice(
        "gates.penalty",
        ("0.3", "1.0"),
        {name: shipped(name, *FIXED) for name in ("cora", "adult")},
        (100, 101),
        dense_too=False,
    ),
}


def main(arguments: list[str]) -> int:
    """Make the lines that are missing; report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHOICES))
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(CHOICES):
        parser.error(f"no such choice: {', '.join(sorted(unknown))}; there are {', '.join(CHOICES)}")
    if not asked.report:
        with fixed_arithmetic():
            for name in asked.names or CHOICES:
                make(name)
    return write("choices", list(table(read(CACHE))), [])


def make(name: str) -> None:
    """Every line of a choice that is missing."""
    choice = CHOICES[name]
    there = {(line["case"], line["seed"], line["value"]) for line in where(read(CACHE), choice=name)}
    for title, case in choice.cases.items():
        wanted = [pair for pair in product(choice.seeds, choice.values) if (title, *pair) not in there]
        if not wanted:
            continue
        data, dense = case.data(), dict[int, nn.Module]()
        for seed, value in wanted:
            recipe = load.recipe(case.recipe, [*case.always, f"{choice.setting}={value}", f"seed={seed}"])
            if choice.dense_too or seed not in dense:
                dense[seed] = trained_dense(recipe, data)
            about: Line = {"choice": name, "setting": choice.setting, "case": title, "seed": seed, "value": value}
            keep(CACHE, about | run(choice, case, recipe, dense[seed], data))


def run(choice: Choice, case: Case, recipe: Recipe, dense: nn.Module, data: Dataset) -> Line:
    """What the dense and the compressed model come to."""
    found: Line = figures("dense", dense, data, case.split)
    if choice.extra is not None:
        found |= choice.extra(dense, data, recipe)
    if choice.cuts:
        found |= figures("compressed", compressed(recipe, dense, data)[0], data, case.split)
    return found


def figures(name: str, model: nn.Module, data: Dataset, split: str) -> Line:
    """Accuracy, and the ECE of one half by the temperature of the other."""
    rows = getattr(data, split)
    said = evaluate.logits(model, rows)
    order = np.random.default_rng(0).permutation(len(rows))
    fitted, judged = order[::2], order[1::2]
    temperature = scores.fit_temperature(said[fitted], rows.labels[fitted])
    return {
        name: scores.accuracy(said, rows.labels),
        f"{name}_nll": scores.nll(said, rows.labels, scores.fit_temperature(said, rows.labels)),
        f"{name}_ece": scores.ece(said[judged], rows.labels[judged], temperature),
    }


def table(lines: Sequence[Line]) -> Iterator[Line]:
    """One row a case and value, means over seeds."""
    for name in CHOICES:
        of = where(lines, choice=name)
        for case, value in dict.fromkeys((line["case"], line["value"]) for line in of):
            mine = where(of, case=case, value=value)
            yield {
                "choice": name,
                "setting": mine[0]["setting"],
                "case": case,
                "value": value,
                "seeds": len(mine),
                **{figure: average(mine, figure) for figure in FIGURES},
            }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
