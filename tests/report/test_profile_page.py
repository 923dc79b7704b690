"""The page of a profile."""

from __future__ import annotations

from profiles import operators, profile

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
    assert page.count("not measured") == 3
    assert "takes 662 runs; there were 750" in page
    assert "--layers does it" in page
    assert "Careful" not in page


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
