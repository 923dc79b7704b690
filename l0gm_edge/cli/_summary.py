"""What a person reads at the end of a run: the verdict, dense against compressed, each artifact, and where to look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l0gm_edge.cli._output import print_json

if TYPE_CHECKING:
    from l0gm_edge.core.report import ArtifactRow, Report

MB = 1_000_000


def tell_report(report: Report, folder: Path, *, as_json: bool) -> int:
    """Print a report and return the exit status it stands for."""
    from l0gm_edge.check.outcome import exit_status

    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(_lines(report, folder)))
    return exit_status(report.verdicts)


def _lines(report: Report, folder: Path) -> list[str]:
    from l0gm_edge.core.verdict import run_status

    dense, small = report.dense, report.compressed
    return [
        f"{run_status(report.verdicts)}  {report.recipe.name} on {report.hardware.title}",
        *_reasons(report),
        "",
        f"  parameters  {dense.parameters:>12,} -> {small.parameters:,}  ({small.parameters / dense.parameters:.1%})",
        f"  MACs        {dense.macs:>12,} -> {small.macs:,}  ({small.macs / dense.macs:.1%})",
        f"  accuracy    {dense.accuracy:>12.2%} -> {small.accuracy:.2%}",
        f"  ECE scaled  {dense.ece_scaled:>12.4f} -> {small.ece_scaled:.4f}",
        "",
        *(_artifact(row) for row in report.artifacts if row.role == "compressed"),
        *(f"  ? {verdict.artifact}: {verdict.reason}" for verdict in report.unmeasured),
        *(f"    {one.artifact}: {told}" for one in report.finishes for told in one.told),
        "",
        f"  page:   {folder / 'report.html'}",
        *([f"  bundle: {folder / 'bundle'}"] if any(row.chosen for row in report.artifacts) else []),
    ]


def _reasons(report: Report) -> list[str]:
    """Run-level verdicts that did not pass; an artifact's own stand in its `why`."""
    return [
        f"  {verdict.status} {verdict.check}: {verdict.reason}"
        for verdict in report.verdicts
        if verdict.artifact is None and verdict.status != "PASS"
    ]


def _artifact(row: ArtifactRow) -> str:
    p50 = "not measured" if row.p50_ms is None else f"p50 {row.p50_ms:.3f} ms"
    mark = "*" if row.chosen else " "
    return f"  {mark} {row.name}: {p50}, {row.bytes / MB:.3f} MB, accuracy {row.accuracy:.2%}\n      {row.why}"
