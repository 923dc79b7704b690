"""Made-up profiles of one model on one device, of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from l0gm_edge.core.measurement import Block, Conditions, LayerTime
from l0gm_edge.core.profiled import (
    ModelProfile,
    OfflineProfile,
    OperatorTimes,
    Percentile,
    Profiled,
    State,
    SustainedProfile,
    ThreadProfile,
)

RUNS_PER_BLOCK = 10


def state(**changes: Any) -> State:
    """The device at noon."""
    conditions = Conditions.model_validate({"time": "2026-01-01T12:00:00Z", "load_1m": 0.1} | changes)
    return State(machine={"processor": "Cortex-A76", "cores": "4"}, conditions=conditions)


def blocks(ms: float = 2.0, processes: int = 3, rounds: int = 25, seed: int = 0) -> tuple[Block, ...]:
    """Runs of about so long, with a tail."""
    draw = np.random.default_rng(seed)
    return tuple(
        Block(
            process=process,
            round=turn,
            latencies_ns=tuple(int(1e6 * ms * np.exp(0.02 * abs(x))) for x in draw.normal(size=RUNS_PER_BLOCK)),
        )
        for process in range(processes)
        for turn in range(rounds)
    )


def operators(count: int = 8, *, fallback: tuple[str, ...] = ("FLOOR_MOD",)) -> OperatorTimes:
    """So many operators, the last of them off the fast path."""
    layers = [
        LayerTime(name=f"n{at}", op="CONV_2D" if at % 2 else "ADD", mean_ns=1000 + 10 * at) for at in range(count)
    ]
    layers[-1] = LayerTime(name="last", op="FLOOR_MOD", mean_ns=500)
    return OperatorTimes(layers=tuple(layers), fallback_ops=fallback)


def profile(**changes: Any) -> ModelProfile:
    """A profile of everything that there can be."""
    runs = blocks(changes.pop("ms", 2.0))
    plain = {
        "model": "models/net.tflite",
        "sha256": "ab" * 32,
        "size_bytes": 1_660_000,
        "hardware": "some-board",
        "runtime": "tflite",
        "runtime_version": "ai_edge_litert 2.1.0",
        "threads": 4,
        "percentiles": tuple(_percentile(q, runs) for q in (50, 90, 99)),
        "runs": sum(len(block.latencies_ns) for block in runs),
        "warmup_runs": (20, 40, 20),
        "load_ns": (3_210_000, 1_000_000, 1_100_000),
        "peak_memory_bytes": 54_000_000,
        "operators": operators(),
        "before": state(temperature_c=41.0, governor="performance"),
        "after": state(temperature_c=55.0, governor="performance", throttled=("soft temperature limit",)),
        "warnings": ("the device says that it is held back: soft temperature limit",),
        "blocks": runs,
    }
    return ModelProfile.model_validate(plain | changes)


def sustained(count: int = 120, **changes: Any) -> SustainedProfile:
    """A run of half an hour that gets hotter and slower, its clock untold, held back in its second half."""
    points = [
        {
            "seconds": 15.0 * (k + 1),
            "runs": 100,
            "p50_ns": 1e6 + 1e4 * k,
            "p90_ns": 2e6,
            "temperature_c": 40 + k / 4,
            "frequency_mhz": None,
            "held_back": ["hot"] if k >= count // 2 else [],
        }
        for k in range(count)
    ]
    plain = {
        "asked_s": 1800,
        "runs": 100 * count,
        "drift": 1.9,
        "steady_after_s": 900,
        "points": points,
        "windows": [],
        "disturbed": ("the device says that it is held back: hot",),
        "warnings": ("the clock fell", "the device says that it is held back: hot"),
    }
    return SustainedProfile.model_validate(_head() | plain | changes)


def offline(*samples: int, batch: int = 8, **changes: Any) -> OfflineProfile:
    """Processes that each got through so many samples in a second."""
    runs = [{"samples": each, "elapsed_ns": 10**9, "batch": batch} for each in samples or (400, 600)]
    rates = [one["samples"] for one in runs]
    plain = {"samples_per_second": sum(rates) / len(rates), "slowest": min(rates), "fastest": max(rates)}
    return OfflineProfile.model_validate(_head() | plain | {"batch": batch, "runs": runs} | changes)


def threads(*rows: tuple[int, float | None, tuple[float, float] | None], **changes: Any) -> ThreadProfile:
    """Numbers of threads, each with its ratio to the first and the interval of that."""
    runs = blocks()
    given = [
        {
            "threads": count,
            "ratio": ratio,
            "interval": interval,
            "percentiles": tuple(_percentile(q, runs) for q in (50, 90, 99)),
            "warmup_runs": (20,),
            "blocks": runs,
        }
        for count, ratio, interval in rows
    ]
    return ThreadProfile.model_validate(_head() | {"threads": rows[0][0], "rows": given} | changes)


def _head() -> dict[str, Any]:
    plain = profile()
    return {name: getattr(plain, name) for name in Profiled.model_fields}


def _percentile(q: int, runs: tuple[Block, ...]) -> Percentile:
    value = float(np.percentile([ns for block in runs for ns in block.latencies_ns], q))
    return Percentile(
        q=q, runs_needed=11, value_ns=value, interval_ns=(0.99 * value, 1.01 * value), bound_ns=1.02 * value
    )
