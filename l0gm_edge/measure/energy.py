"""Energy of one inference: a board's rails and counters, integrated over a window of nothing but this model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from l0gm_edge.core.energy import Energy
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.devices import Device
from l0gm_edge.measure import job, telemetry
from l0gm_edge.measure.job import EnergyJob, ModelFile, PowerLog, PowerSample

WHOLE_BOARD = ("VDD_IN", "POM_5V_IN")
"""Rails of Jetson boards through which everything comes."""
PACKAGE = "package"
LEAST_SAMPLES = 5
NONE = "no power rail and no energy counter can be read on this device"
UJ_PER_NS_IN_MW = 1e6

Series = list[tuple[int, float]]
"""(ns, value), in the order of time."""


def measure(device: Device, model: ModelFile, inputs: Mapping[str, str], rails: Sequence[str] = ()) -> Energy:
    """What one inference takes, idle power of the same rails included; without `rails`, of the whole board.

    That is the rail of the board's input, or else RAPL's processor packages. Null, and why, where nothing tells.
    """
    wanted = EnergyJob(name=f"energy-{model.name}", models=(model,), inputs=dict(inputs))
    try:
        log = job.run(device, wanted).models[0].power
    except DeviceFailed as error:
        return Energy(unavailable=error.what)
    return Energy(unavailable=NONE) if log is None else integrated(log, rails)


def of_each(
    device: Device, models: Sequence[ModelFile], inputs: Mapping[str, str], rails: Sequence[str]
) -> dict[str, Energy]:
    """What one inference of each model takes; a device where nothing tells is asked once."""
    found: dict[str, Energy] = {}
    for model in models:
        silent = any(one.unavailable == NONE for one in found.values())
        found[model.name] = Energy(unavailable=NONE) if silent else measure(device, model, inputs, rails)
    return found


def integrated(log: PowerLog, rails: Sequence[str] = ()) -> Energy:
    """The mean power of these rails or counters over the window, times its length, shared among its runs."""
    powers, counts = _series([_with_line(one) for one in log.samples])
    chosen = list(rails) or _whole(powers, counts)
    if not chosen:
        known = ", ".join(sorted({*powers, *counts})) or "none"
        return Energy(
            unavailable=f"no rail is known to feed the whole board; name those that do in energy_rails: {known}"
        )
    if missing := [name for name in chosen if name not in powers and name not in counts]:
        return Energy(unavailable=f"this device tells no {', '.join(missing)}: {', '.join(sorted({*powers, *counts}))}")
    began, ended = log.began_ns, log.ended_ns
    inside = min(sum(began <= ns <= ended for ns, _ in powers.get(name) or counts[name]) for name in chosen)
    if inside < LEAST_SAMPLES:
        return Energy(
            unavailable=f"{inside} samples of power fell into the window; at least {LEAST_SAMPLES} are needed"
        )
    mean_mw = sum(
        _mean_power(powers[name], began, ended)
        if name in powers
        else _mean_rate(counts[name], began, ended, log.spans_uj.get(name))
        for name in chosen
    )
    seconds = (ended - began) / 1e9
    if mean_mw <= 0:
        return Energy(unavailable=f"{', '.join(chosen)} told no power at all")
    return Energy(
        mj=mean_mw * seconds / log.runs,
        mean_mw=mean_mw,
        seconds=seconds,
        runs=log.runs,
        samples=inside,
        rails=tuple(chosen),
    )


def _with_line(sample: PowerSample) -> PowerSample:
    """A sample with the rails that tegrastats told, where that was asked."""
    if sample.line is None:
        return sample
    return sample.model_copy(update={"rails_mw": telemetry.plugin("tegrastats").read(sample.line).rails_mw})


def _series(samples: Sequence[PowerSample]) -> tuple[dict[str, Series], dict[str, Series]]:
    powers: dict[str, Series] = {}
    counts: dict[str, Series] = {}
    for one in samples:
        for name, value in one.rails_mw.items():
            powers.setdefault(name, []).append((one.ns, value))
        for name, count in one.counters_uj.items():
            counts.setdefault(name, []).append((one.ns, float(count)))
    return powers, counts


def _whole(powers: Mapping[str, Series], counts: Mapping[str, Series]) -> list[str]:
    inputs = [name for name in WHOLE_BOARD if name in powers][:1]
    return inputs or sorted(name for name in counts if name.startswith(PACKAGE))


def _mean_power(series: Series, began: int, ended: int) -> float:
    """The mean over the window of power that runs straight from sample to sample, and level beyond the last ones."""
    ns, values = np.array([at for at, _ in series], dtype=np.float64), np.array([value for _, value in series])
    inside = (ns > began) & (ns < ended)
    at = np.concatenate([[began], ns[inside], [ended]])
    power = np.interp(at, ns, values)
    return float(((power[1:] + power[:-1]) / 2 * np.diff(at)).sum() / (ended - began))


def _mean_rate(series: Series, began: int, ended: int, span: int | None) -> float:
    """How fast a counter grew between its first and last samples of the window, in milliwatts."""
    inside = [(ns, count) for ns, count in series if began <= ns <= ended]
    grown = sum((b - a) if b >= a else (b - a + (span or 0)) for (_, a), (_, b) in pairwise(inside))
    return max(grown, 0.0) / (inside[-1][0] - inside[0][0]) * UJ_PER_NS_IN_MW
