"""The page of a profile."""

from __future__ import annotations

from profiles import operators, profile

from l0gm_edge.core.energy import Energy
from l0gm_edge.core.measurement import LayerTime, ProviderShare
from l0gm_edge.core.profiled import OperatorTimes, Percentile
from l0gm_edge.report.profile_page import render

HOSTILE = '<script>alert("1")</script></style>'


def test_the_page_tells_figures_operators_and_conditions() -> None:
    page = render(profile())
    for told in (
        "<h1>net.tflite</h1>",
        "ai_edge_litert 2.1.0 · 4 threads · 1.66\xa0MB",
        "Latency, p99",
        "750 runs in 3 fresh processes, after 27 to warm up in each",
        "off the fast path",
        "FLOOR_MOD",
        "soft temperature limit",
        "41.0\xa0°C",
    ):
        assert told in page
    assert page.count('<li class="fell">') == 2
    assert "http" not in page.replace("http-equiv", "")


def test_what_was_not_measured_is_said_so() -> None:
    few = Percentile(q=99, runs_needed=662)
    page = render(profile(percentiles=(few,), load_ns=(), peak_memory_bytes=None, operators=None, warnings=()))
    assert page.count('class="figure none">not measured') == 4  # p99, load, memory, energy
    assert "needs 662 runs" in page
    assert "--layers does it" in page
    assert "Careful" not in page


def test_percentiles_have_their_bounds_and_energy_what_it_rests_on() -> None:
    energy = Energy(mj=1.5, mean_mw=6000, seconds=3, runs=9, samples=30, rails=("VDD_IN",))
    known = Percentile(q=90, runs_needed=64, value_ns=2e6, interval_ns=(1.9e6, 2.1e6), bound_ns=2.25e6)
    page = render(profile(percentiles=(known,), energy=energy))
    for told in ("1.90 to 2.10 ms", "99 % bound 2.25\xa0ms", "1.50\xa0mJ", "6.00\xa0W of VDD_IN over 3.0 s"):
        assert told in page, told
    assert "no rail" in render(profile(energy=Energy(unavailable="no rail can be read")))


def test_figures_that_do_not_count_are_marked_before_anything_else() -> None:
    spoiling = "the device was held back in 3 rounds of runs: hot"
    page = render(profile(disturbed=(spoiling,), warnings=("the clock fell", spoiling)))
    assert page.index("Does not count") < page.index(spoiling) < page.index("the clock fell") < page.index("Latency, p")
    assert "Careful</p>" not in page


def test_a_runtime_that_does_not_tell_of_operators_says_why() -> None:
    assert "timeout after 9 s" in render(profile(operators=OperatorTimes(unavailable="timeout after 9 s")))


def test_several_providers_are_told_with_their_shares() -> None:
    providers = tuple(
        ProviderShare(provider=f"{name}ExecutionProvider", nodes=3, ns=ns) for name, ns in (("QNN", 900), ("CPU", 100))
    )
    page = render(profile(operators=operators().model_copy(update={"providers": providers})))
    assert "QNN: 3 nodes, 90.0\xa0% of the time" in page


def test_hostile_names_do_no_harm() -> None:
    layers = (LayerTime(name=HOSTILE, op=HOSTILE, mean_ns=5),)
    page = render(
        profile(
            model=f"m/{HOSTILE}",
            runtime_version=HOSTILE,
            warnings=(HOSTILE,),
            operators=OperatorTimes(layers=layers, fallback_ops=(HOSTILE,)),
        )
    )
    assert "<script" not in page
    assert page.count("</style>") == 1
