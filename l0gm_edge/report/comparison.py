"""A comparison for those who read it: Markdown for a pull request, JUnit XML for a CI system, GitHub annotations."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from xml.etree import ElementTree as ET

from l0gm_edge.core.comparison import Comparison, Pair, Side
from l0gm_edge.core.copies import copies_median_ms
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import wording
from l0gm_edge.report.junit import case, document, figures, suite, told
from l0gm_edge.report.markdown import SIGNS, escape, table


def _latency(sides: Sequence[Side]) -> str:
    return wording.milliseconds(copies_median_ms([copy for side in sides for copy in side.copies]))


def _load(sides: Sequence[Side]) -> str:
    return wording.milliseconds(median(ns for side in sides for ns in side.load_ns) / 1e6)


def _peak(sides: Sequence[Side]) -> str:
    found = [one for side in sides for one in side.peak_memory_bytes]
    return wording.size(median(found) if found else None)


MEASURED = {"latency": _latency, "load_time": _load, "peak_memory": _peak}
COLUMNS = ("", "baseline", "candidate", "change", "limit", "")
TITLES = {
    "latency": "latency, median",
    "load_time": "first load",
    "peak_memory": "peak memory",
    "file_size": "file",
    "accuracy": "accuracy",
    "confidence": "ECE",
    "control": "a model against itself",
}
LEVELS = {Status.FAIL: "error", Status.INCONCLUSIVE: "warning"}


def markdown(found: Comparison) -> str:
    """GitHub-flavoured Markdown, one table a runtime; every text is escaped."""
    title = f"{found.candidate} against {found.baseline} on {found.hardware}"
    parts = [f"### {SIGNS[found.status]} {found.status}: {escape(title)}", ""]
    for pair in found.pairs:
        parts += [f"**{escape(pair.candidate.runtime)}**", "", *table(COLUMNS, rows(pair)), ""]
        parts += [f"- {escape(one.check)}: {escape(one.reason)}" for one in open_ones(pair)]
        parts.append("")
    parts += [f"- {escape(note)}" for note in found.notes]
    return "\n".join([*parts, f"<sub>{escape(provenance(found))}</sub>", ""])


def junit(found: Comparison) -> str:
    """One suite a pair, one case a verdict: a FAIL is a failure, INCONCLUSIVE an error, so that a job is green exactly
    when the comparison passed."""
    root = ET.Element("testsuites", name="l0gm-edge compare")
    for pair in found.pairs:
        group = suite(root, f"compare.{pair.candidate.runtime}", found.hardware)
        for verdict in pair.verdicts:
            made = case(group, f"compare.{pair.candidate.runtime}", verdict.check)
            if verdict.status is not Status.PASS:
                kind = "failure" if verdict.status is Status.FAIL else "error"
                told(made, kind, verdict.reason, verdict.check, figures(verdict))
    return document(root)


def github(found: Comparison) -> str:
    """Workflow commands that GitHub Actions shows beside a pull request: one a verdict that did not pass."""
    return "".join(
        f"::{LEVELS[one.status]} title={_property(f'{one.check} on {pair.candidate.runtime}')}::{_data(one.reason)}\n"
        for pair in found.pairs
        for one in open_ones(pair)
    )


def rows(pair: Pair) -> list[list[str]]:
    """What stands in a table: a check, the two figures, the change, its limit, and how it ended."""
    return [
        [TITLES.get(one.check, one.check), *_both(pair, one.check), *_change(one), SIGNS[one.status]]
        for one in pair.verdicts
    ]


def sides(pair: Pair) -> tuple[list[Side], list[Side]]:
    """Baseline's and candidate's samples, over all sessions."""
    return [one.baseline for one in pair.sessions], [one.candidate for one in pair.sessions]


def open_ones(pair: Pair) -> Sequence[Verdict]:
    """The verdicts that did not pass."""
    return [one for one in pair.verdicts if one.status is not Status.PASS]


def _both(pair: Pair, check: str) -> tuple[str, str]:
    ours, theirs = pair.candidate, pair.baseline
    if check == "file_size":
        return wording.size(theirs.size_bytes), wording.size(ours.size_bytes)
    if check in MEASURED:
        first, second = (MEASURED[check](side) for side in sides(pair))
        return first, second
    if theirs.scores and ours.scores and check == "accuracy":
        return wording.percent(theirs.scores.accuracy), wording.percent(ours.scores.accuracy)
    if theirs.scores and ours.scores and check == "confidence":
        return wording.decimal(theirs.scores.ece), wording.decimal(ours.scores.ece)
    return "", ""


def _change(one: Verdict) -> tuple[str, str]:
    limit = "" if one.limit is None else f"{one.limit:g}"
    if one.value is None:
        return wording.MISSING, limit
    if not one.unit.startswith("x"):
        return wording.quantity(one.value, one.unit), limit
    interval = f" ({one.interval[0]:.3f} to {one.interval[1]:.3f})" if one.interval else ""
    return f"{one.value:.3f}x{interval}", f"{limit}x"


def provenance(found: Comparison) -> str:
    """Where the figures come from, in one line."""
    first = found.pairs[0]
    session = first.sessions[0]
    processes = len({block.process for one in first.sessions for copy in one.candidate.copies for block in copy})
    processor = session.machine.get("processor", "unknown processor")
    how = f"{processes} processes, interleaved"
    return " · ".join((processor, session.candidate.runtime_version, how, session.before.time))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
