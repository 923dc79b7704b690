"""A profile of a model against a device's budgets."""

from __future__ import annotations

import profiles
from synthetic import hardware

from l0gm_edge.check.budgets import budgets
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.measurement import HeldBack
from l0gm_edge.core.verdict import Status, Verdict


def judged(**limits: float) -> dict[str, Status]:
    quiet = profiles.profile(ms=2.0, before=profiles.state(), after=profiles.state(), warnings=())
    return {one.check: one.status for one in budgets(quiet, hardware(**limits))}


def test_each_budget_has_its_verdict() -> None:
    assert judged(p50_ms=3, p90_ms=1, file_mb=1, peak_memory_mb=60) == {
        "latency_p50": Status.PASS,
        "latency_p90": Status.FAIL,
        "file_size": Status.FAIL,
        "peak_memory": Status.PASS,
    }


def energy_judged(**told: object) -> Verdict:
    measured = Energy(mj=2.5, mean_mw=2500, seconds=3.0, runs=3000, samples=30, rails=("VDD_IN",))
    steady = {"before": profiles.state(), "after": profiles.state(), "warnings": (), "energy": measured}
    (found,) = budgets(profiles.profile(**{**steady, **told}), hardware(energy_mj=2.0))
    return found


def test_energy_that_was_measured_is_judged() -> None:
    found = energy_judged()
    assert (found.check, found.status, found.value) == ("energy", Status.FAIL, 2.5)


def test_rounds_that_were_held_back_settle_nothing() -> None:
    slowed = (HeldBack(process=0, round=3, reasons=("cpufreq slows it down",)),)
    assert energy_judged(held_back=slowed).status is Status.INCONCLUSIVE


def test_without_budgets_there_is_nothing_to_judge() -> None:
    assert judged() == {}
