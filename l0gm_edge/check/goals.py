"""What the recipe and profile ask of the run as a whole, once artifacts are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from l0gm_edge.check.choose import p50_ns, passing
from l0gm_edge.check.limits import interval_status, value_status
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Evidence, Measured, side_by_side
from l0gm_edge.core.verdict import Choice, Status, Verdict, worst


def goals(evidence: Evidence, verdicts: Sequence[Verdict], choices: Sequence[Choice]) -> tuple[Verdict, ...]:
    """Run-level verdicts: an artifact for each required runtime, and the recipe's latency and file ratios if set."""
    limits = evidence.limits
    required = [runtime.name for runtime in evidence.hardware.runtimes if runtime.required]
    found = [_runtime(name, verdicts, choices) for name in required]
    if limits.max_p50_ratio is not None:
        found.append(_p50_ratio(evidence, verdicts, choices, limits.max_p50_ratio))
    if limits.max_file_ratio is not None:
        found.append(_file_ratio(evidence, verdicts, limits.max_file_ratio))
    return tuple(found)


def _runtime(name: str, verdicts: Sequence[Verdict], choices: Sequence[Choice]) -> Verdict:
    chosen = next((choice for choice in choices if choice.runtime == name and choice.chosen), None)
    candidates = [choice.artifact for choice in choices if choice.runtime == name]
    standing = [worst([verdict for verdict in verdicts if verdict.artifact == artifact]) for artifact in candidates]
    if chosen:
        status, reason = Status.PASS, f"{chosen.artifact} is chosen for {name}"
    elif standing and set(standing) == {Status.FAIL}:
        status, reason = Status.FAIL, f"no artifact for {name} passed: {', '.join(candidates)} failed"
    else:
        status, reason = Status.INCONCLUSIVE, f"no artifact for {name} was shown to pass ({len(candidates)} tried)"
    return Verdict(check=f"artifact_for_{name}", artifact=None, status=status, reason=reason)


def _p50_ratio(evidence: Evidence, verdicts: Sequence[Verdict], choices: Sequence[Choice], limit: float) -> Verdict:
    names = {choice.artifact for choice in choices if choice.chosen}
    chosen = [one for one in evidence.of_role(Role.COMPRESSED) if one.artifact.name in names]
    best = min(chosen, key=p50_ns, default=None)
    dense = _yardstick(evidence, best, verdicts) if best else None
    found = side_by_side(best, dense) if best and dense else None
    if best is None or dense is None or found is None:
        reason = "no chosen artifact was timed side by side with a dense fp32 file of its runtime that passed parity"
        return _inconclusive("p50_ratio", limit, "x dense fp32", reason)
    return Verdict(
        check="p50_ratio",
        artifact=None,
        status=interval_status(found, limit),
        value=found.value,
        limit=limit,
        unit="x dense fp32",
        interval=(found.low, found.high),
        reason=f"the fastest chosen artifact, {best.artifact.name}, takes {found.value:.3f}x the time of "
        f"{dense.artifact.name} (interval {found.low:.3f} to {found.high:.3f}); the limit is {limit:.3g}",
        evidence=(best.artifact.sha256, dense.artifact.sha256),
    )


def _file_ratio(evidence: Evidence, verdicts: Sequence[Verdict], limit: float) -> Verdict:
    able = passing(evidence.of_role(Role.COMPRESSED), verdicts)
    pairs = [(one, _yardstick(evidence, one, verdicts)) for one in able]
    ratios = [(_size_ratio(one, dense), one, dense) for one, dense in pairs if dense]
    if not ratios:
        reason = "no artifact that passed has a dense fp32 file of its runtime beside it that passed parity"
        return _inconclusive("file_ratio", limit, "x dense fp32", reason)
    ratio, one, dense = min(ratios, key=lambda entry: entry[0])
    return Verdict(
        check="file_ratio",
        artifact=None,
        status=value_status(ratio, limit),
        value=ratio,
        limit=limit,
        unit="x dense fp32",
        reason=f"{one.artifact.name}, which passed, is {ratio:.3f}x the size of {dense.artifact.name} "
        f"({one.artifact.size_bytes:,} of {dense.artifact.size_bytes:,} bytes); the limit is {limit:.3g}",
        evidence=(one.artifact.sha256, dense.artifact.sha256),
    )


def _yardstick(evidence: Evidence, one: Measured, verdicts: Sequence[Verdict]) -> Measured | None:
    """The dense fp32 artifact of the same runtime, if it is sound: a ratio to a wrong model would mean nothing."""
    dense = evidence.float_twin(one, Role.DENSE)
    return dense if dense and passing([dense], verdicts) else None


def _size_ratio(one: Measured, dense: Measured) -> float:
    return one.artifact.size_bytes / dense.artifact.size_bytes


def _inconclusive(check: str, limit: float, unit: str, reason: str) -> Verdict:
    return Verdict(check=check, artifact=None, status=Status.INCONCLUSIVE, limit=limit, unit=unit, reason=reason)
