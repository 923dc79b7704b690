"""The report in one screen of Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from l0gm_edge.core.report import Report
from l0gm_edge.core.store import value_sha256
from l0gm_edge.core.verdict import Status
from l0gm_edge.report import sizing, wording
from l0gm_edge.report.headline import headline
from l0gm_edge.report.lineup import Entry, RuntimeGroup, Standing, by_runtime
from l0gm_edge.report.outcome import outcome

SIGNS = {Status.PASS: "✅", Status.FAIL: "❌", Status.INCONCLUSIVE: "⚠️"}
SUBSET_COLUMNS = ("given", "accuracy, dense → compressed", "ECE scaled, dense → compressed")
COLUMNS = ("artifact", "accuracy", "ECE raw → scaled", "p50 / p90", "speed-up", "file", "smaller", "standing")


def render(report: Report) -> str:
    """The report as GitHub-flavoured Markdown; every text of the run is escaped."""
    found = outcome(report)
    figures = headline(report)
    groups = by_runtime(report)
    title = f"{report.recipe.name} on {report.hardware.title}"
    return "\n".join(
        [
            f"# {SIGNS[found.status]} {found.status}: {escape(title)}",
            "",
            escape(found.sentence),
            *_list((obstacle.check, f"{obstacle.status}: {obstacle.reason}") for obstacle in found.obstacles),
            "",
            *table(
                [f.label for f in figures],
                [[f"**{escape(f.value)}**" for f in figures], _row(f"{f.detail} {f.below}" for f in figures)],
            ),
            "",
            *table(COLUMNS, [line for group in groups for line in _lines(group)]),
            *_subsets(report),
            *_rejected(groups),
            *_notes(report),
            *_unmeasured(report),
            *_sized(report),
            *_list((chain.artifact, chain.told) for chain in report.ways if chain.told),
            *_list((one.artifact, "; ".join(one.told)) for one in report.finishes),
            "",
            f"<sub>{escape(_provenance(report))}</sub>",
            "",
        ]
    )


def _lines(group: RuntimeGroup) -> list[list[str]]:
    lines = [_entry(entry) for entry in group.entries]
    if group.floor:
        fixed = wording.milliseconds(group.floor.p50_ms)
        lines.append(_row([f"{group.runtime}: fixed part", "", "", fixed, "", wording.size(group.floor.bytes), "", ""]))
    return lines


def _entry(entry: Entry) -> list[str]:
    row = entry.row
    name, standing = escape(row.name), escape(entry.standing)
    strong = entry.standing is Standing.CHOSEN
    cells = (
        wording.percent(row.accuracy),
        f"{wording.decimal(row.ece)} → {wording.decimal(row.ece_scaled)}",
        wording.MISSING if row.p50_ms is None else f"{wording.number(row.p50_ms)} / {wording.milliseconds(row.p90_ms)}",
        wording.gain(row.p50_ratio_to_dense),
        wording.size(row.bytes),
        wording.gain(row.bytes_ratio_to_dense),
    )
    return [f"**{name}**" if strong else name, *_row(cells), f"**{standing}**" if strong else standing]


def _subsets(report: Report) -> list[str]:
    """Both models with one modality missing, and with all there; empty for a single modality."""
    subsets = report.subsets
    rows = (
        (
            ", ".join(one.modalities),
            f"{wording.percent(one.dense.accuracy)} → {wording.percent(one.compressed.accuracy)}",
            f"{wording.decimal(one.dense.ece_scaled)} → {wording.decimal(one.compressed.ece_scaled)}",
        )
        for one in (*subsets.one_missing, *subsets.given[-1:])
    )
    return ["", *table(SUBSET_COLUMNS, map(_row, rows))] if subsets.given else []


def _rejected(groups: Sequence[RuntimeGroup]) -> list[str]:
    """Why each artifact that does not ship was rejected; empty when none was."""
    rejected = [entry for group in groups for entry in group.entries if entry.standing is Standing.REJECTED]
    if not rejected:
        return []
    reasons = ((e.row.name, "; ".join(_failures(e))) for e in rejected)
    return ["", "Rejected artifacts:", *_list(reasons)]


def _notes(report: Report) -> list[str]:
    """How artifacts came to be as they are, and which schemes have none; empty when there is nothing to tell."""
    told = [(row.name, note) for row in report.artifacts for note in row.notes]
    return _list([*told, *(("left out", scheme) for scheme in report.left_out)])


def _unmeasured(report: Report) -> list[str]:
    """What the device could not run; empty when it ran everything."""
    lines = _list((str(verdict.artifact), verdict.reason) for verdict in report.unmeasured)
    return ["", "Neither passed nor failed:", *lines] if lines else []


def _sized(report: Report) -> list[str]:
    """How the target in milliseconds was met; empty for other targets."""
    return _list(
        (
            f"{line.runtime} {line.percentile}",
            f"{line.requested} asked for, {line.predicted} predicted, {line.chosen} when its widths were chosen, "
            f"{line.delivered} delivered",
        )
        for line in sizing.lines(report)
    )


def _failures(entry: Entry) -> list[str]:
    return [f"{verdict.check}: {verdict.reason}" for verdict in entry.verdicts if verdict.status is Status.FAIL]


def _provenance(report: Report) -> str:
    environment = {key: report.environment.get(key) for key in ("l0gm-edge", "commit", "processor")}
    known = [f"{key} {value}" for key, value in environment.items() if value]
    return " · ".join([f"recipe {value_sha256(report.recipe)[:12]}", *known])


def _list(items: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"- **{escape(subject)}**: {escape(text)}" for subject, text in items]
    return ["", *lines] if lines else []


def table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines; cells are escaped already."""
    rows = (f"| {' | '.join(cells)} |" for cells in lines)
    return [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns), *rows]


def _row(cells: Iterable[str]) -> list[str]:
    return [escape(cell) for cell in cells]


def escape(text: str) -> str:
    """Plain text in Markdown and in a table's cell: no mark-up, no HTML, no line breaks, no mentions."""
    text = re.sub(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*", " ", text)
    text = re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
