"""Made-up profiles of one model on one device."""

from __future__ import annotations

from typing import Any

import numpy as np

from l0gm_edge.core.measurement import Block, Conditions, LayerTime
from l0gm_edge.core.profiled import ModelProfile, OperatorTimes, Percentile, State

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


def _percentile(q: int, runs: tuple[Block, ...]) -> Percentile:
    value = float(np.percentile([ns for block in runs for ns in block.latencies_ns], q))
    return Percentile(q=q, runs_needed=11, value_ns=value, interval_ns=(0.99 * value, 1.01 * value))
