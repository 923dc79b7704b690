"""Measure, check, report, bundle: from files to verdicts that the device's own outputs and samples carry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from l0gm_edge import devices
from l0gm_edge.bundle import write as bundling
from l0gm_edge.check.outcome import Outcome, judge
from l0gm_edge.core import arrays, scores, store
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.dataset import SPLITS as ALL_SPLITS
from l0gm_edge.core.dataset import Values
from l0gm_edge.core.evidence import Evidence, Measured, unmeasured
from l0gm_edge.core.finish import Finishes
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.plan import Exactness, PrunePlan
from l0gm_edge.core.report import Report, Routing
from l0gm_edge.core.subsets import Subsets
from l0gm_edge.core.truth import Chains
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device
from l0gm_edge.measure import bench
from l0gm_edge.pipeline import finishing, learning, way
from l0gm_edge.pipeline.building import Artifacts
from l0gm_edge.pipeline.context import Context
from l0gm_edge.report import card, collect, html, junit, markdown

SPLITS = ("validation", "test")
MEASUREMENTS = "measurements.json"
WAYS = "ways.json"
CARD = "model-card.md"
FINISH = "finish.json"
SHIPPED = 8
"""Test rows that a bundle carries."""


class Measurements(Value):
    """One measurement an artifact."""

    measurements: tuple[Measurement, ...]


def measure(context: Context, folder: Path) -> None:
    """Run every file on the device: outputs for validation and test, latency side by side, memory, layers; and follow
    a few rows from torch to the device."""
    hardware, made = context.hardware, context.run.path("compile")
    files = [(artifact, made / artifact.path) for artifact in _artifacts(context)]
    inputs = {split: dict(getattr(context.dataset, split).inputs) for split in SPLITS}
    with devices.opened(hardware) as device:
        found = bench.measure(device, hardware, files, inputs, context.recipe.measure, folder, context.progress)
        store.write_value(folder / MEASUREMENTS, Measurements(measurements=found))
        store.write_value(folder / WAYS, _ways(context, device, folder))


def check(context: Context, folder: Path) -> None:
    """Judge what the device returned."""
    store.write_value(folder / "outcome.json", judge(_evidence(context)))


def finish(context: Context, folder: Path) -> None:
    """Race settings for what ships on ONNX Runtime, and make and try its other forms."""
    outcome = store.read_value(Outcome, context.run.path("check") / "outcome.json")
    evidence, made = _evidence(context), context.run.path("compile")
    chosen = [
        finishing.Chosen(one.artifact, made / one.artifact.path, one.outputs["test"][:SHIPPED])
        for one in _named(evidence, _chosen(outcome))
    ]
    found = finishing.finish(
        context.hardware, chosen, _samples(context), context.recipe.measure, folder, context.progress
    )
    store.write_value(folder / FINISH, Finishes(finishes=found))


def report(context: Context, folder: Path) -> None:
    """Gather everything into one document, and write it for machines and for people."""
    outcome = store.read_value(Outcome, context.run.path("check") / "outcome.json")
    routing = store.read_value(Routing, context.run.path("recover") / "routing.json")
    records = {
        stage: context.run.record(stage)
        for stage in ("tabulate", "learn", "prune", "recover", "quantize", "compile", "measure", "check", "finish")
    }
    seconds = {stage: record.seconds for stage, record in records.items() if record is not None}
    left_out = store.read_value(Artifacts, context.run.path("compile") / "artifacts.json").left_out
    finishes = store.read_value(Finishes, context.run.path("finish") / FINISH).finishes
    found = collect.collect(
        _evidence(context),
        outcome.verdicts,
        outcome.choices,
        routing,
        seconds,
        finishes,
        left_out,
        learning.taught(context),
    )
    store.write_value(folder / "report.json", found)
    store.write_text(folder / "report.md", markdown.render(found))
    store.write_text(folder / "report.html", html.render(found))
    store.write_text(folder / "report.xml", junit.render(found))


def bundle(context: Context, folder: Path) -> None:
    """Put what ships together; nothing when no artifact was chosen."""
    outcome = store.read_value(Outcome, context.run.path("check") / "outcome.json")
    chosen = _chosen(outcome)
    if not chosen:
        context.progress.note("no artifact was chosen: there is no bundle")
        return
    evidence = _evidence(context)
    pages = context.run.path("report")
    contents = bundling.Contents(
        name=context.recipe.name,
        recipe=context.recipe,
        hardware=context.hardware,
        labels=context.dataset.classes,
        preprocess=context.preprocess,
        normalization=context.dataset.normalization,
        samples=_samples(context),
        models=[_shipped(context, evidence, one) for one in _named(evidence, chosen)],
        reports={
            **{
                page: (pages / page).read_text(encoding="utf-8") for page in ("report.json", "report.md", "report.html")
            },
            CARD: card.render(store.read_value(Report, pages / "report.json"), _material(context)),
        },
    )
    bundling.write(contents, folder)


def _chosen(outcome: Outcome) -> set[str]:
    return {choice.artifact for choice in outcome.choices if choice.chosen}


def _samples(context: Context) -> dict[str, Values]:
    return {name: values[:SHIPPED] for name, values in context.dataset.test.inputs.items()}


def _material(context: Context) -> card.Material:
    data = context.dataset
    return card.Material(
        rows={split: len(getattr(data, split)) for split in ALL_SPLITS},
        shapes=data.shapes,
        classes=data.classes,
        preprocess=context.preprocess,
    )


def _artifacts(context: Context) -> tuple[Artifact, ...]:
    return store.read_value(Artifacts, context.run.path("compile") / "artifacts.json").artifacts


def _ways(context: Context, device: Device, measured: Path) -> Chains:
    """Follow rows of every artifact that the device answered for."""
    made, evidence = context.run.path("compile"), _readings(context, measured)
    files = {one.name: made / one.path for one in _artifacts(context)}
    networks = {
        Role.DENSE: learning.dense_model(context).eval(),
        Role.COMPRESSED: learning.small_model(context, "recover").eval(),
    }
    followed = [way.Followed.of(evidence, one, "test", files, networks) for one in evidence.models]
    rows = {name: values[: way.ROWS] for name, values in context.dataset.test.inputs.items()}
    return way.follow_all(device, context.hardware, followed, rows, context.progress)


def _evidence(context: Context) -> Evidence:
    measured = context.run.path("measure")
    chains = store.read_value(Chains, measured / WAYS).chains
    return replace(_readings(context, measured), ways={one.artifact: one for one in chains})


def _readings(context: Context, measured: Path) -> Evidence:
    run, data = context.run, context.dataset
    found = store.read_value(Measurements, measured / MEASUREMENTS).measurements
    by_name = {measurement.artifact: measurement for measurement in found}
    return Evidence(
        recipe=context.recipe,
        limits=context.recipe.checks,
        hardware=context.hardware,
        plan=store.read_value(PrunePlan, run.path("prune") / "plan.json"),
        exactness=store.read_value(Exactness, run.path("prune") / "exactness.json"),
        subsets=store.read_value(Subsets, run.path("recover") / "subsets.json"),
        reference={
            Role.DENSE: arrays.read(run.path("learn") / "logits.npz"),
            Role.COMPRESSED: arrays.read(run.path("recover") / "logits.npz"),
        },
        labels={split: getattr(data, split).labels for split in SPLITS},
        measured=tuple(
            _measured(artifact, by_name[artifact.name], measured)
            for artifact in _artifacts(context)
            if by_name[artifact.name].unmeasured is None
        ),
        unmeasured=unmeasured(_artifacts(context), by_name),
    )


def _measured(artifact: Artifact, measurement: Measurement, folder: Path) -> Measured:
    outputs = {split: np.load(folder / name, allow_pickle=False) for split, name in measurement.outputs.items()}
    return Measured(artifact, measurement, outputs)


def _named(evidence: Evidence, names: set[str | None] | set[str]) -> list[Measured]:
    return [one for one in evidence.models if one.artifact.name in names]


def _shipped(context: Context, evidence: Evidence, one: Measured) -> bundling.Shipped:
    finishes = store.read_value(Finishes, context.run.path("finish") / FINISH).finishes
    return bundling.Shipped(
        artifact=one.artifact,
        source=context.run.path("compile") / one.artifact.path,
        temperature=scores.score(one.outputs, evidence.labels).temperature,
        expected=one.outputs["test"][:SHIPPED],
        finish=next((found for found in finishes if found.artifact == one.artifact.name), None),
        forms=context.run.path("finish"),
    )
