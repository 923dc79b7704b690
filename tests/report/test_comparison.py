"""A comparison as Markdown, JUnit XML and GitHub annotations."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from sessions import contender, session

from l0gm_edge.check.regression import verdicts
from l0gm_edge.core.comparison import Comparison, Pair, Scores
from l0gm_edge.core.hardware import Regression
from l0gm_edge.core.verdict import Status
from l0gm_edge.report import comparison

HOSTILE = "a|b::error::<script>\n%"


def found(ratio: float = 1.0, accuracy: float = 0.9, origin: str = "new", second: float = 1.0) -> Comparison:
    old = contender("old", scores=Scores(data="digits", accuracy=0.9, ece=0.02))
    new = contender("new", scores=Scores(data="digits", accuracy=accuracy, ece=0.02))
    sessions = (session(ratio=ratio, second=second),)
    pair = Pair(baseline=old, candidate=new, sessions=sessions, verdicts=verdicts(old, new, sessions, Regression()))
    return Comparison(hardware="bench", baseline="old", candidate=origin, pairs=(pair,), notes=("careful",))


def test_markdown_tells_both_figures_the_change_and_the_reason() -> None:
    text = comparison.markdown(found(ratio=1.5, accuracy=0.8))
    assert text.startswith("### ❌ FAIL: new against old on bench")
    latency = next(line for line in text.splitlines() if line.startswith("| latency"))
    _, _, before, after, change, limit, sign, _ = (cell.strip() for cell in latency.split("|"))
    assert float(after.split("\xa0")[0]) / float(before.split("\xa0")[0]) == pytest.approx(1.5, rel=0.05)
    assert change.startswith(("1.5", "1.4"))
    assert (limit, sign) == ("1.025x", "❌")
    assert "| accuracy | 90.0\xa0% | 80.0\xa0% | 10.0\xa0points lost | 0.5 | ❌ |" in text
    assert "- latency: one inference takes 1." in text
    assert "- careful" in text


def test_markdown_that_passes_has_nothing_to_explain() -> None:
    text = comparison.markdown(found())
    assert "✅ PASS" in text
    assert "❌" not in text
    assert "inference takes" not in text


@pytest.mark.parametrize(
    ("changes", "status", "failures", "errors"),
    [
        ({}, Status.PASS, "0", "0"),
        ({"ratio": 1.5}, Status.FAIL, "1", "0"),
        ({"second": 1.1}, Status.INCONCLUSIVE, "0", "2"),
    ],
)
def test_a_job_is_green_exactly_when_the_comparison_passed(
    changes: dict[str, float], status: Status, failures: str, errors: str
) -> None:
    made = found(**changes)  # type: ignore[arg-type]
    root = ET.fromstring(comparison.junit(made))
    assert made.status is status
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", failures, errors)
    assert {case.get("name") for case in root.iter("testcase")} == {one.check for one in made.pairs[0].verdicts}


def test_annotations_are_one_line_each_of_what_did_not_pass() -> None:
    assert comparison.github(found()) == ""
    lines = comparison.github(found(ratio=1.5, accuracy=0.8)).splitlines()
    assert [line.partition("::")[2].partition(" ")[0] for line in lines] == ["error", "error"]
    assert lines[0].startswith("::error title=latency on onnxruntime::one inference takes 1.")
    assert comparison.github(found(second=1.1)).startswith("::warning title=control on onnxruntime::")


def test_hostile_names_do_no_harm() -> None:
    made = found(ratio=1.5, origin=HOSTILE)
    assert "<script>" not in comparison.markdown(made)
    spoilt = made.pairs[0].verdicts[1].model_copy(update={"reason": HOSTILE})
    pair = made.pairs[0].model_copy(update={"verdicts": (spoilt,)})
    text = comparison.github(made.model_copy(update={"pairs": (pair,)}))
    assert text.count("\n") == 1
    assert text.endswith("a|b::error::<script>%0A%25\n")
    ET.fromstring(comparison.junit(made.model_copy(update={"pairs": (pair,)})))
