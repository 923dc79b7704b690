"""The model card: what a model is for, what it was trained and checked on, how good it is, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from l0gm_edge.core.network import Model
from l0gm_edge.core.recipe import OwnModel
from l0gm_edge.core.report import Report, Routing
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import lineup, wording
from l0gm_edge.report.markdown import escape

ALONE = " alone"
"""How the report's routing calls a row of one modality."""


@dataclass(frozen=True)
class Material:
    """The data behind a report: rows by split, a row's shape by modality, the classes, and how raw data is prepared."""

    rows: Mapping[str, int]
    shapes: Mapping[str, Sequence[int]]
    classes: Sequence[str]
    preprocess: str


@dataclass(frozen=True)
class Modality:
    """What is known of one modality: shape of a row, what reads it (empty for a person's own model), units kept and in
    all of the sites that bear its name (0 of 0 where none does), and of each layer of experts that it goes through the
    path, the expert that it spends most on, and that one's share."""

    name: str
    shape: Sequence[int]
    encoder: str
    kept: int
    width: int
    experts: tuple[tuple[str, str, float], ...]


def render(report: Report, material: Material) -> str:
    """The card as Markdown; every text of the run is escaped."""
    return _template().render(
        report=report,
        material=material,
        modalities=[_modality(name, report, material) for name in material.shapes],
        shipped=[entry.row for entry in lineup.chosen(report)],
        open_verdicts=list(_open(report)),
        unmeasured=list(_unmeasured(report)),
    )


def _modality(name: str, report: Report, material: Material) -> Modality:
    sites = [site for site in report.sites if f".{name}." in f".{site.site}."]
    return Modality(
        name=name,
        shape=material.shapes[name],
        encoder=_reader(name, report.recipe.model),
        kept=sum(len(site.keep) for site in sites),
        width=sum(site.width for site in sites),
        experts=tuple(_spent_most(name, report.routing)),
    )


def _reader(name: str, model: Model | OwnModel) -> str:
    if not isinstance(model, Model):
        return ""
    if name in model.encoders:
        return model.encoders[name].encoder
    tokens = model.tokens.get(name)
    if tokens is None:
        return ""
    return f"patches of {tokens.patch}" if tokens.patch else f"{tokens.vocabulary} words"


def _spent_most(name: str, routing: Routing) -> Iterator[tuple[str, str, float]]:
    for layer in routing.layers:
        rows = dict(zip(layer.rows, layer.share, strict=True))
        shares = rows.get(name if layer.by_tokens else f"{name}{ALONE}", ())
        if shares:
            most = max(range(len(shares)), key=lambda at: shares[at])
            yield layer.module, layer.experts[most], shares[most]


def _open(report: Report) -> Iterator[Verdict]:
    """What a check of the run, or of a file that ships, did not pass."""
    shipped = {entry.row.name for entry in lineup.chosen(report)}
    for verdict in report.verdicts:
        if verdict.status is not Status.PASS and (verdict.artifact is None or verdict.artifact in shipped):
            yield verdict


def _unmeasured(report: Report) -> Iterator[str]:
    """Figures that no shipped file has."""
    figures = {"latency": "p50_ms", "load time": "load_ms", "peak memory": "peak_memory_bytes", "energy": "energy_mj"}
    rows = [entry.row for entry in lineup.chosen(report)]
    for name, field in figures.items():
        if any(getattr(row, field) is None for row in rows):
            yield name
    yield f"accuracy {'of the files ' if report.subsets.given else ''}with a modality missing"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=False,  # noqa: S701 - Markdown; the template escapes every text of the run
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["text"] = escape
    environment.globals["w"] = wording
    return environment.get_template("model-card.md")
