"""The page of a throughput."""

from __future__ import annotations

import profiles

from l0gm_edge.core.energy import Energy
from l0gm_edge.report.profile_offline import view
from l0gm_edge.report.profile_page import render


def test_every_process_stands_beside_the_fastest() -> None:
    found = profiles.offline(400, 600, 500)
    assert [(one.label, one.value) for one in view(found).bars] == [
        ("process 1", "400/s"),
        ("process 2", "600/s"),
        ("process 3", "500/s"),
    ]
    assert [round(one.share, 3) for one in view(found).bars] == [0.667, 1.0, 0.833]


def test_the_page_tells_the_whole_and_its_spread() -> None:
    page = render(profiles.offline(400, 600, energy=Energy(unavailable="of single inferences alone")))
    for told in (
        "L0GM-Edge throughput",
        "400 to 600 in 2 fresh processes",
        "2.00\xa0ms",
        "samples of one inference",
        "over 2.00\xa0s, in all",
        "of single inferences alone",
        "400 samples in 1.00\xa0s",
    ):
        assert told in page, told


def test_samples_one_by_one_take_energy_one_by_one() -> None:
    energy = Energy(mj=1.5, mean_mw=6000, seconds=3, runs=9, samples=30, rails=("VDD_IN",))
    page = render(profiles.offline(400, batch=1, energy=energy))
    assert "one by one" in page
    assert "1.50\xa0mJ" in page
    assert "6.00\xa0W of VDD_IN over 3.0 s" in page
    assert "400 to 400 in 1 fresh process<" in page
