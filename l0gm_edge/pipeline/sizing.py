"""The final widths for a target in milliseconds: chosen among cuts that were compiled and timed, never on a prediction.

A search that trusts a cost model ends where the model errs in its favour. So candidates around the target are timed,
the model is corrected by them, and asked again; the best are timed once more, and the one that stays is among these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.latency import central
from l0gm_edge.core.plan import Sized
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.cost.latency import Latency
from l0gm_edge.gates.session import Session
from l0gm_edge.measure.comparing import Ratios
from l0gm_edge.measure.job import Arrays
from l0gm_edge.pipeline.cuts import Subject
from l0gm_edge.pipeline.tabulating import SCHEME
from l0gm_edge.pipeline.timing import Bench, bench, of_each

SILENT = Silent()
GRIDS = ((0.88, 0.94, 1.0, 1.06, 1.12), (0.94, 0.97, 1.0, 1.03), (0.96, 0.98, 1.0))
"""Shares of the limit that candidates are made for, round by round."""
ENOUGH = 0.95
"""The least share of the limit that the chosen cut should use."""
FINALISTS = 3
TIMING = Measure(processes=4, blocks=10, runs_per_block=10)
AGAIN = Measure(processes=6, blocks=10, runs_per_block=10)


@dataclass
class _Candidate:
    """A cut: its open units in the session's terms and in those of the whole model, the limit that it was made for,
    and what was timed of it, by runtime."""

    kept: Tensor
    original: Tensor
    asked: float
    ratios: dict[str, Ratios] = field(default_factory=dict)


def size(
    subject: Subject,
    session: Session,
    latency: Latency,
    hardware: HardwareProfile,
    rows: Arrays,
    progress: Progress = SILENT,
) -> tuple[Tensor, tuple[Sized, ...]]:
    """The units that stay (bool, of the session's), and what each runtime was asked for, predicted and measured.

    The best that was measured within 95 to 100 % of the request stays, or else what comes nearest. `latency` is the
    session's own, and corrected. Raises ExportFailed, MissingExtra, DeviceFailed or NotQuiet.
    """
    predicted = dict(latency.speeds)
    candidates: dict[tuple[bool, ...], _Candidate] = {}
    with bench(subject, hardware, rows, progress) as on_device:
        for grid in GRIDS:
            fresh = _fresh(session, latency, grid, candidates)
            if fresh:
                _time(on_device, latency, fresh, TIMING)
                _correct(latency, list(candidates.values()))
            if any(ENOUGH <= _share(latency, one) <= 1 for one in candidates.values()):
                break
        finalists = sorted(candidates.values(), key=lambda one: _rank(latency, one))[:FINALISTS]
        _time(on_device, latency, finalists, AGAIN)
    best = min(finalists, key=lambda one: _rank(latency, one))
    return best.kept, tuple(
        Sized(
            runtime=runtime,
            scheme=SCHEME,
            percentile=90 if latency.tailed else 50,
            requested_ms=speed.limit_ms * speed.told,
            predicted_ms=float(predicted[runtime].predict(best.original)) * speed.told,
            measured_ms=central(best.ratios[runtime]) * speed.dense_ms * speed.told,
        )
        for runtime, speed in latency.speeds.items()
    )


def _fresh(
    session: Session, latency: Latency, grid: Sequence[float], known: dict[tuple[bool, ...], _Candidate]
) -> list[_Candidate]:
    """What the session would keep for these shares of the limit, and left to itself, less what is known; now known."""
    fresh = []
    for share in (None, *grid) if not known else grid:
        asked = latency.at(1.0 if share is None else share)
        kept = session.choose(None if share is None else asked)
        original = session.original(kept.float()).bool()
        if (key := tuple(original.tolist())) not in known:
            known[key] = _Candidate(kept, original, asked)
            fresh.append(known[key])
    return fresh


def _time(on_device: Bench, latency: Latency, candidates: Sequence[_Candidate], timing: Measure) -> None:
    """Time candidates on every runtime, beside what was timed of them before."""
    originals = [one.original for one in candidates]
    for runtime in latency.speeds:
        found = on_device.compare(runtime, originals, timing)
        for one, ratios in zip(candidates, of_each(found, originals), strict=True):
            one.ratios[runtime] = one.ratios.get(runtime, ()) + ratios
        latency.now(runtime, found.baseline_ns)


def _correct(latency: Latency, candidates: Sequence[_Candidate]) -> None:
    kept = torch.stack([one.original for one in candidates])
    latency.learn(kept, {runtime: [central(one.ratios[runtime]) for one in candidates] for runtime in latency.speeds})


def _share(latency: Latency, one: _Candidate) -> float:
    """How much of the limit a candidate was measured to use, on the runtime where it uses the most."""
    return max(speed.share(central(one.ratios[name]) * speed.dense_ms) for name, speed in latency.speeds.items())


def _rank(latency: Latency, one: _Candidate) -> tuple[bool, float]:
    """Within the window first, and there what was made for the most; outside, what is nearest to it."""
    share = _share(latency, one)
    within = ENOUGH <= share <= 1
    return not within, -one.asked if within else max(ENOUGH - share, share - 1)
