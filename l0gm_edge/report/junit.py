"""The verdicts as JUnit XML, for CI systems that show tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import wording
from l0gm_edge.report.outcome import blocks, outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """One test suite for the run and one an artifact, one test case a verdict, then one for the outcome.

    A FAIL is a failure where it keeps the run from passing; an artifact's FAIL is skipped, with its reason, where
    another artifact ships instead, and so is everything inconclusive. The case `outcome` passes, fails, or is an error
    when the run is inconclusive, so that a CI job is green exactly when the run passed.
    """
    root = ET.Element("testsuites", name=_clean(f"l0gm-edge {report.recipe.name}"))
    subjects = dict.fromkeys([None, *(verdict.artifact for verdict in report.verdicts)])
    for subject in subjects:
        suite = ET.SubElement(root, "testsuite", name=_clean(subject or "run"))
        suite.set("hostname", report.hardware.name)
        for verdict in report.verdicts:
            if verdict.artifact == subject:
                _add_verdict(suite, report, verdict)
        if subject is None:
            _add_outcome(suite, report)
        _set_totals(suite)
    _set_totals(root)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_verdict(suite: ET.Element, report: Report, verdict: Verdict) -> None:
    case = _case(suite, report, verdict.artifact, verdict.check)
    if verdict.status is Status.FAIL and blocks(report, verdict):
        failure = ET.SubElement(case, "failure", message=_clean(verdict.reason), type=_clean(verdict.check))
        failure.text = _clean(_figures(verdict))
    elif verdict.status is Status.FAIL:
        ET.SubElement(case, "skipped", message=_clean(f"does not fail the run: {verdict.reason}"))
    elif verdict.status is Status.INCONCLUSIVE:
        ET.SubElement(case, "skipped", message=_clean(f"inconclusive: {verdict.reason}"))


def _add_outcome(suite: ET.Element, report: Report) -> None:
    case = _case(suite, report, None, "outcome")
    found = outcome(report)
    if found.status is not Status.PASS:
        kind = "failure" if found.status is Status.FAIL else "error"
        element = ET.SubElement(case, kind, message=_clean(found.sentence), type=found.status)
        element.text = _clean("\n".join(f"{o.status} {o.check}: {o.reason}" for o in found.obstacles))


def _case(suite: ET.Element, report: Report, subject: str | None, name: str) -> ET.Element:
    classname = f"{report.recipe.name}.{subject or 'run'}"
    return ET.SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name))


def _set_totals(element: ET.Element) -> None:
    for total, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(total, str(sum(1 for _ in element.iter(tag))))


def _figures(verdict: Verdict) -> str:
    lines = [
        f"value: {wording.quantity(verdict.value, verdict.unit)}",
        f"limit: {wording.quantity(verdict.limit, verdict.unit) if verdict.limit is not None else 'none'}",
    ]
    if verdict.interval:
        lines.append("interval: " + " to ".join(wording.quantity(end, verdict.unit) for end in verdict.interval))
    return "\n".join([*lines, *(f"evidence: {digest}" for digest in verdict.evidence)])


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("�", text)
