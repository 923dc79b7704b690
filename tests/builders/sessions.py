"""Made-up sessions of two models timed side by side, with the noise that real processes have."""

from __future__ import annotations

import numpy as np

from l0gm_edge.core.comparison import Contender, Scores, Session, Side
from l0gm_edge.core.measurement import Block, Conditions

NOON = Conditions(time="2026-01-01T12:00:00Z")
ROUNDS, RUNS = 16, 8


def side(
    ms: float,
    draw: np.random.Generator,
    *,
    first: int = 0,
    processes: int = 10,
    placement: float = 0.005,
    jitter: float = 0.02,
    second: float = 1.0,
    load_ms: float = 5.0,
    peak: int = 50_000_000,
) -> Side:
    """A model of `ms`, loaded twice a process; every load is faster or slower by `placement`, every run by `jitter`.

    The second copy takes `second` times as long.
    """
    copies = tuple(
        tuple(
            Block(process=first + process, round=turn, latencies_ns=tuple(int(ns) for ns in runs))
            for process in range(processes)
            for here in [1e6 * ms * times * np.exp(placement * draw.normal())]
            for turn in range(ROUNDS)
            for runs in [here * np.exp(jitter * np.abs(draw.normal(size=RUNS)))]
        )
        for times in (1.0, second)
    )
    loads = tuple(int(1e6 * load_ms * np.exp(0.02 * draw.normal())) for _ in range(3))
    return Side(runtime_version="toy 1", copies=copies, load_ns=loads, peak_memory_bytes=(peak, peak + 1000))


def session(seed: int = 0, *, ratio: float = 1.0, disturbed: tuple[str, ...] = (), **of_candidate: float) -> Session:
    """A baseline of 1 ms, and a candidate that takes `ratio` times as long."""
    draw = np.random.default_rng(seed)
    return Session(
        machine={"processor": "a made-up one"},
        before=NOON,
        after=NOON,
        baseline=side(1.0, draw, first=10 * seed),
        candidate=side(ratio, draw, first=10 * seed, **of_candidate),  # type: ignore[arg-type]
        disturbed=disturbed,
    )


def contender(name: str, *, size: int = 1000, scores: Scores | None = None) -> Contender:
    """A side of the comparison."""
    return Contender(
        name=name, origin=f"{name}.onnx", runtime="onnxruntime", sha256="0" * 64, size_bytes=size, scores=scores
    )
