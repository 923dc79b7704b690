"""The page of a comparison."""

from __future__ import annotations

from sessions import contender, session

from l0gm_edge.check.regression import verdicts
from l0gm_edge.core.comparison import Comparison, OperatorChange, Pair, Scores, Session
from l0gm_edge.core.hardware import Regression
from l0gm_edge.report.comparison_page import OPERATORS_SHOWN, render

HOSTILE = "<script>alert(1)</script>"
GREW = OperatorChange(operator="Conv body", before=0.2, after=0.5)


def found(*sessions: Session, operators: tuple[OperatorChange, ...] = (), origin: str = "runs/new") -> Comparison:
    scores = Scores(data="digits", accuracy=0.9, ece=0.02)
    old, new = contender("old", scores=scores), contender("new", scores=scores)
    judged = verdicts(old, new, sessions, Regression())
    pair = Pair(baseline=old, candidate=new, sessions=sessions, verdicts=judged, operators=operators)
    return Comparison(hardware="bench", baseline="old", candidate=origin, pairs=(pair,), notes=("tflite: alone",))


def test_a_failure_stands_first_with_what_grew() -> None:
    page = render(found(session(ratio=1.5), operators=(GREW,)))
    assert "FAIL: runs/new against old on bench</title>" in page
    assert page.index("one inference takes 1.") < page.index("<table")
    for told in ("<h1>new</h1>", "a model against itself", "Conv body", "20.0\xa0% → 50.0\xa0%", "tflite: alone"):
        assert told in page
    assert page.count("✗") == 2


def test_operators_that_came_or_went_are_said_to() -> None:
    came = OperatorChange(operator="Cast", before=0, after=0.1)
    page = render(found(session(), operators=(came, OperatorChange(operator="Mul", before=0.3, after=0))))
    assert "not there → 10.0\xa0%" in page
    assert "30.0\xa0% → gone" in page


def test_only_so_many_operators_are_shown_and_small_changes_are_none() -> None:
    many = tuple(OperatorChange(operator=f"op{at}", before=0.01, after=0.05) for at in range(OPERATORS_SHOWN + 5))
    assert render(found(session(), operators=many)).count('class="was"') == OPERATORS_SHOWN
    still = OperatorChange(operator="Conv", before=0.5, after=0.5001)
    assert "None by more than a little" in render(found(session(), operators=(still,)))
    assert "They were not profiled" in render(found(session()))


def test_a_disturbed_session_is_open_and_says_why() -> None:
    page = render(found(session(disturbed=("the power mode changed",)), session(seed=1)))
    assert page.count("<details open>") == 1
    assert page.count("does not count") == 1
    assert "the power mode changed" in page


def test_hostile_names_do_no_harm_here_either() -> None:
    page = render(found(session(), operators=(GREW.model_copy(update={"operator": HOSTILE}),), origin=HOSTILE))
    assert "<script" not in page
