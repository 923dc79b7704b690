from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import junit


def test_one_case_a_verdict_and_one_for_the_outcome(any_report: Report) -> None:
    root = ET.fromstring(junit.render(any_report))
    cases = root.findall("./testsuite/testcase")
    assert len(cases) == len(any_report.verdicts) + 1
    assert root.get("tests") == str(len(cases))


def test_the_build_is_green_exactly_when_the_run_passed(any_report: Report) -> None:
    root = ET.fromstring(junit.render(any_report))
    assert (root.get("failures") == root.get("errors") == "0") == any_report.passed


def test_a_rejected_artifact_is_skipped_with_its_reason(reports: dict[str, Report]) -> None:
    root = ET.fromstring(junit.render(reports["passing"]))
    case = root.find("./testsuite[@name='tflite-compressed-static_int8_heavy']/testcase[@name='never_slower']/skipped")
    assert case is not None
    assert "left the delegate" in case.get("message", "")


def test_a_failure_carries_its_figures(reports: dict[str, Report]) -> None:
    root = ET.fromstring(junit.render(reports["failing"]))
    failure = root.find("./testsuite[@name='run']/testcase[@name='parameter_fraction']/failure")
    assert failure is not None
    assert "limit: 0.250" in (failure.text or "")


def test_an_inconclusive_run_is_an_error_and_its_open_checks_are_skipped(reports: dict[str, Report]) -> None:
    root = ET.fromstring(junit.render(reports["inconclusive"]))
    open_ = [one for one in reports["inconclusive"].verdicts if one.status is Status.INCONCLUSIVE]
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("0", "1", str(len(open_)))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            Verdict,
            check=st.text(),
            artifact=st.none() | st.text(),
            status=st.sampled_from(Status),
            value=st.none() | st.floats(),
            unit=st.text(),
            interval=st.none(),
            reason=st.text(),
            evidence=st.just(()),
        ),
        max_size=5,
    )
)
def test_any_verdict_gives_well_formed_xml(reports: dict[str, Report], verdicts: list[Verdict]) -> None:
    root = ET.fromstring(junit.render(reports["passing"].model_copy(update={"verdicts": tuple(verdicts)})))
    assert len(root.findall(".//testcase")) == len(verdicts) + 1
