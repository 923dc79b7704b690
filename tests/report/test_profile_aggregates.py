"""The page of a native runner's aggregates, alone and in a fleet's."""

from __future__ import annotations

import fleets
import native_profiles

from l0gm_edge.core.fleet import Fleet
from l0gm_edge.core.profiled import OperatorTimes
from l0gm_edge.report import fleet_page
from l0gm_edge.report.fleet_lines import lines
from l0gm_edge.report.profile_page import render

HOSTILE = '<script>alert("1")</script></style>'


def test_the_page_says_that_there_are_no_samples() -> None:
    page = render(native_profiles.profile())
    for told in ("<h1>net.tflite</h1>", "no samples", "no verdict on a budget of latency", "FLOOR_MOD", "41.0\xa0°C"):
        assert told in page
    for told in ("2.00\xa0ms", "1.99\xa0ms", "2.50\xa0ms", "9.00\xa0ms", "20.0\xa0MB", "54.0\xa0MB"):
        assert told in page
    assert "Latency, p" not in page


def test_what_a_runner_does_not_print_is_not_measured() -> None:
    old = native_profiles.aggregates(p5_ns=None, median_ns=None, p95_ns=None, memory_growth_bytes=None)
    page = render(native_profiles.profile(processes=(old,), peak_memory_bytes=None, operators=None, warnings=()))
    assert page.count("not measured") == 5
    assert "--layers does it" in page


def test_a_hostile_runner_does_no_harm() -> None:
    page = render(
        native_profiles.profile(model=f"m/{HOSTILE}", warnings=(HOSTILE,), operators=OperatorTimes(unavailable=HOSTILE))
    )
    assert "<script" not in page
    assert page.count("&lt;script") >= 3


def test_a_fleet_tells_aggregates_in_words_beside_the_samples_of_others() -> None:
    sampled = fleets.of_profiles().members[0]
    phone = fleets.member("phone", exit_status=3, aggregates=native_profiles.profile())
    found = Fleet(subject="net.tflite", members=(sampled, phone))
    line = lines(found)[1]
    assert (line.happened, line.figures[:2]) == ("INCONCLUSIVE", ("not measured", "not measured"))
    assert line.why.startswith("a native runner gives aggregates alone: mean 2, median 1.99, p95 2.5 ms over 50 runs;")
    page = fleet_page.render(found)
    assert page.count("Aggregates of a native runner") == 1
    assert page.count("How long one inference takes") == 1
