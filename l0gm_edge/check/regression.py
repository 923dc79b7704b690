"""The regression gate: is the candidate slower, larger, less accurate or less well calibrated than its baseline?

FAIL takes two things, as a single threshold on noisy figures would cry wolf: the figure is above the profile's limit,
and its whole interval is on the worse side of "no change". Above the limit with an interval that holds "no change" is
INCONCLUSIVE. Nothing timed counts while one side, loaded twice, differs from itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from l0gm_edge.core.comparison import Contender, Session, Side
from l0gm_edge.core.copies import copies_ratio
from l0gm_edge.core.hardware import Regression
from l0gm_edge.core.latency import Estimate
from l0gm_edge.core.measurement import Block
from l0gm_edge.core.verdict import Status, Verdict

CONTROL_LIMIT = 0.01
"""How far from 1 the ratio of a model to itself may be."""
UNIT = "x baseline"


def verdicts(
    baseline: Contender, candidate: Contender, sessions: Sequence[Session], limits: Regression
) -> tuple[Verdict, ...]:
    """Latency, its control, load time, memory, file size, and accuracy and ECE where either side has them."""
    sound = [one for one in sessions if not one.disturbed]
    control = _control(candidate, sessions, sound)
    return (
        control,
        _latency(candidate, sound, limits.max_latency_ratio, control),
        _measured(candidate, "load_time", _extremes(sound, _loads), limits.max_load_ratio, "the first load takes"),
        _measured(candidate, "peak_memory", _extremes(sound, _peaks), limits.max_memory_ratio, "peak memory is"),
        _size(baseline, candidate, limits.max_size_ratio),
        *_scores(baseline, candidate, limits),
    )


def settled(found: Sequence[Verdict]) -> bool:
    """Whether timing more could change nothing: every measured verdict is PASS or FAIL."""
    return all(one.status is not Status.INCONCLUSIVE for one in found if one.check in ("control", "latency"))


def _control(candidate: Contender, sessions: Sequence[Session], sound: Sequence[Session]) -> Verdict:
    if not sound:
        return _open(candidate, "control", 1 + CONTROL_LIMIT, sessions[-1].disturbed[0])
    sides: tuple[Callable[[Session], Side], ...] = (lambda one: one.baseline, lambda one: one.candidate)
    found = [copies_ratio([second], [first]) for first, second in (_copies(sound, side) for side in sides)]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return _open(candidate, "control", 1 + CONTROL_LIMIT, "too few processes to tell how steady the device is")
    worst = max(known, key=lambda one: abs(one.value - 1))
    quiet = abs(worst.value - 1) <= CONTROL_LIMIT
    return Verdict(
        check="control",
        artifact=candidate.name,
        status=Status.PASS if quiet else Status.INCONCLUSIVE,
        value=worst.value,
        limit=1 + CONTROL_LIMIT,
        unit="x itself",
        interval=(worst.low, worst.high),
        reason=f"a model loaded twice takes {worst.value:.4f}x the time of itself ({CONTROL_LIMIT:.0%} off is allowed)"
        + ("" if quiet else ": the device is too unsteady now to compare models on it"),
    )


def _latency(candidate: Contender, sound: Sequence[Session], limit: float, control: Verdict) -> Verdict:
    estimate = ratio(sound)
    verdict = _measured(candidate, "latency", estimate, limit, "one inference takes")
    if estimate is None or control.status is Status.PASS:
        return verdict
    return verdict.model_copy(
        update={"status": Status.INCONCLUSIVE, "reason": f"{verdict.reason}; but the control is off"}
    )


def ratio(sound: Sequence[Session]) -> Estimate | None:
    """The candidate's latency in times of the baseline's, over all sessions; None where they are too few."""
    if not sound:
        return None
    return copies_ratio(_copies(sound, lambda one: one.candidate), _copies(sound, lambda one: one.baseline))


def _measured(candidate: Contender, check: str, found: Estimate | None, limit: float, what: str) -> Verdict:
    if found is None:
        return _open(candidate, check, limit, f"what {what} was not measured")
    over = found.value > limit
    status = Status.PASS if not over else Status.FAIL if found.low > 1 else Status.INCONCLUSIVE
    return Verdict(
        check=check,
        artifact=candidate.name,
        status=status,
        value=found.value,
        limit=limit,
        unit=UNIT,
        interval=(found.low, found.high),
        reason=f"{what} {found.value:.3f}x that of the baseline (interval {found.low:.3f} to {found.high:.3f}); "
        f"up to {limit:g}x passes"
        + (", and the interval holds 1: it may be no change" if status is Status.INCONCLUSIVE else ""),
        evidence=(candidate.sha256,),
    )


def _extremes(sound: Sequence[Session], figures: Callable[[Side], Sequence[int]]) -> Estimate | None:
    """The ratio of two handfuls of figures: of their medians, between the ratios of their extremes."""
    ours = [figure for one in sound for figure in figures(one.candidate)]
    theirs = [figure for one in sound for figure in figures(one.baseline)]
    if not ours or not theirs:
        return None
    return Estimate(median(ours) / median(theirs), min(ours) / max(theirs), max(ours) / min(theirs))


def _loads(side: Side) -> Sequence[int]:
    return side.load_ns


def _peaks(side: Side) -> Sequence[int]:
    return side.peak_memory_bytes


def _size(baseline: Contender, candidate: Contender, limit: float) -> Verdict:
    value = candidate.size_bytes / baseline.size_bytes
    return Verdict(
        check="file_size",
        artifact=candidate.name,
        status=Status.PASS if value <= limit else Status.FAIL,
        value=value,
        limit=limit,
        unit=UNIT,
        reason=f"the file has {candidate.size_bytes:,} bytes, the baseline's {baseline.size_bytes:,}; "
        f"up to {limit:g}x passes",
        evidence=(candidate.sha256, baseline.sha256),
    )


def _scores(baseline: Contender, candidate: Contender, limits: Regression) -> tuple[Verdict, ...]:
    ours, theirs = candidate.scores, baseline.scores
    if ours is None and theirs is None:
        return ()
    drop, more = limits.max_accuracy_drop_points, limits.max_ece_increase
    if ours is None or theirs is None or ours.data != theirs.data:
        reason = (
            f"they were scored on other data: {ours.data} and {theirs.data}"
            if ours and theirs
            else f"only the {'candidate' if ours else 'baseline'} has been scored"
        )
        return (_open(candidate, "accuracy", drop, reason), _open(candidate, "confidence", more, reason))
    lost = 100 * (theirs.accuracy - ours.accuracy)
    accuracy = f"accuracy {theirs.accuracy:.2%} became {ours.accuracy:.2%} on {ours.data}; {drop:g} points may be lost"
    ece = f"ECE {theirs.ece:.4f} became {ours.ece:.4f} on {ours.data}; it may grow by {more:g}"
    return (
        _score(candidate, "accuracy", lost, drop, "points lost", accuracy),
        _score(candidate, "confidence", ours.ece - theirs.ece, more, "ECE more", ece),
    )


def _score(candidate: Contender, check: str, value: float, limit: float, unit: str, reason: str) -> Verdict:
    return Verdict(
        check=check,
        artifact=candidate.name,
        status=Status.PASS if value <= limit else Status.FAIL,
        value=value,
        limit=limit,
        unit=unit,
        reason=reason,
        evidence=(candidate.sha256,),
    )


def _open(candidate: Contender, check: str, limit: float, reason: str) -> Verdict:
    return Verdict(
        check=check, artifact=candidate.name, status=Status.INCONCLUSIVE, limit=limit, unit=UNIT, reason=reason
    )


def _copies(sessions: Sequence[Session], side: Callable[[Session], Side]) -> list[tuple[Block, ...]]:
    """The blocks of each copy, over all sessions."""
    every = [side(one).copies for one in sessions]
    return [tuple(block for of_session in of_copy for block in of_session) for of_copy in zip(*every, strict=True)]
