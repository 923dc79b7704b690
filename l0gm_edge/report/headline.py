"""The first screen: how much smaller and faster, and what it cost in accuracy and calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l0gm_edge.core.report import Report
from l0gm_edge.report import wording
from l0gm_edge.report.lineup import Entry, chosen


@dataclass(frozen=True)
class Figure:
    """One headline figure: what it is of, the figure, what it rests on, and below a bound, or where it comes from."""

    label: str
    value: str
    detail: str
    below: str = ""


def headline(report: Report) -> tuple[Figure, ...]:
    """The five headline figures.

    Size and speed are those of the best chosen artifact, accuracy and calibration those of the worst, so that no
    figure flatters; each names its artifact.
    """
    entries = chosen(report)
    best, worst = ("best: ", "worst: ") if len(entries) > 1 else ("", "")
    return (
        _parameters(report),
        _of_artifact("File", _pick(entries, lambda e: e.row.bytes_ratio_to_dense), _file, best),
        _of_artifact("Latency, p50", _pick(entries, lambda e: e.row.p50_ratio_to_dense), _latency, best),
        _of_artifact("Accuracy", _pick(entries, lambda e: e.accuracy_difference), _accuracy, worst),
        _of_artifact("Calibration (ECE)", _pick(entries, lambda e: -e.row.ece_scaled), _calibration, worst),
    )


def _parameters(report: Report) -> Figure:
    before, after = report.dense.parameters, report.compressed.parameters
    ratio = after / before if before else None
    return Figure(
        "Parameters",
        wording.factor(ratio, "fewer", "more"),
        f"{wording.count(before)} → {wording.count(after)}",
    )


def _pick(entries: tuple[Entry, ...], key: Callable[[Entry], float | None]) -> Entry | None:
    """The entry with the lowest key, among those that have one."""
    keyed = [(value, index) for index, entry in enumerate(entries) if (value := key(entry)) is not None]
    return entries[min(keyed)[1]] if keyed else None


def _of_artifact(label: str, entry: Entry | None, describe: Callable[[Entry], tuple[str, str]], which: str) -> Figure:
    if entry is None:
        return Figure(label, wording.MISSING, "for no chosen artifact")
    value, detail = describe(entry)
    return Figure(label, value, detail, which + entry.row.name)


def _file(entry: Entry) -> tuple[str, str]:
    before = wording.size(entry.dense.bytes) if entry.dense else wording.MISSING
    return (
        wording.factor(entry.row.bytes_ratio_to_dense, "smaller", "larger"),
        f"{before} → {wording.size(entry.row.bytes)}",
    )


def _latency(entry: Entry) -> tuple[str, str]:
    before = wording.milliseconds(entry.dense.p50_ms if entry.dense else None)
    return (
        wording.factor(entry.row.p50_ratio_to_dense, "faster", "slower"),
        f"{before} → {wording.milliseconds(entry.row.p50_ms)}",
    )


def _accuracy(entry: Entry) -> tuple[str, str]:
    before = wording.percent(entry.dense.accuracy if entry.dense else None)
    return wording.points(entry.accuracy_difference), f"{before} → {wording.percent(entry.row.accuracy)}"


def _calibration(entry: Entry) -> tuple[str, str]:
    dense = wording.decimal(entry.dense.ece_scaled if entry.dense else None)
    return (
        f"{wording.decimal(entry.row.ece)} → {wording.decimal(entry.row.ece_scaled)}",
        f"before → after temperature; dense {dense}",
    )
