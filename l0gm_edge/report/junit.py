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
        group = suite(root, subject or "run", report.hardware.name)
        classname = f"{report.recipe.name}.{subject or 'run'}"
        for verdict in report.verdicts:
            if verdict.artifact == subject:
                _add_verdict(case(group, classname, verdict.check), report, verdict)
        if subject is None:
            _add_outcome(case(group, classname, "outcome"), report)
    return document(root)


def suite(root: ET.Element, name: str, hostname: str) -> ET.Element:
    """A test suite under the root."""
    return ET.SubElement(root, "testsuite", name=_clean(name), hostname=_clean(hostname))


def case(group: ET.Element, classname: str, name: str) -> ET.Element:
    """A test case of a suite; it passes unless something is put under it."""
    return ET.SubElement(group, "testcase", classname=_clean(classname), name=_clean(name))


def told(under: ET.Element, kind: str, message: str, type_: str = "", text: str = "") -> None:
    """How a case ended: `kind` is failure, error or skipped."""
    element = ET.SubElement(under, kind, message=_clean(message))
    if type_:
        element.set("type", _clean(type_))
    element.text = _clean(text) or None


def document(root: ET.Element) -> str:
    """The whole as text, with its totals."""
    for element in (*root, root):
        for total, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            element.set(total, str(sum(1 for _ in element.iter(tag))))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def figures(verdict: Verdict) -> str:
    """A verdict's value, limit, interval and evidence, a line each."""
    lines = [
        f"value: {wording.quantity(verdict.value, verdict.unit)}",
        f"limit: {wording.quantity(verdict.limit, verdict.unit) if verdict.limit is not None else 'none'}",
    ]
    if verdict.interval:
        lines.append("interval: " + " to ".join(wording.quantity(end, verdict.unit) for end in verdict.interval))
    return "\n".join([*lines, *(f"evidence: {digest}" for digest in verdict.evidence)])


def _add_verdict(made: ET.Element, report: Report, verdict: Verdict) -> None:
    if verdict.status is Status.FAIL and blocks(report, verdict):
        told(made, "failure", verdict.reason, verdict.check, figures(verdict))
    elif verdict.status is Status.FAIL:
        told(made, "skipped", f"does not fail the run: {verdict.reason}")
    elif verdict.status is Status.INCONCLUSIVE:
        told(made, "skipped", f"inconclusive: {verdict.reason}")


def _add_outcome(made: ET.Element, report: Report) -> None:
    found = outcome(report)
    if found.status is not Status.PASS:
        kind = "failure" if found.status is Status.FAIL else "error"
        text = "\n".join(f"{o.status} {o.check}: {o.reason}" for o in found.obstacles)
        told(made, kind, found.sentence, found.status, text)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
