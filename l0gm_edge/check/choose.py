"""The artifact that ships, per runtime: the fastest that passed everything; of nearly equals, the smaller file.

A nearly equal that is slower than a float file, if only by a little, does not ship: no file is to cost time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Measured, Readings, side_by_side
from l0gm_edge.core.latency import percentile
from l0gm_edge.core.verdict import Choice, Status, Verdict, worst

TIE = 1.05
FLOATS = ("fp32", "fp16")


def choose(evidence: Readings, verdicts: Sequence[Verdict]) -> tuple[Choice, ...]:
    """One choice per compressed artifact, in the evidence's order; at most one a runtime is chosen."""
    candidates = evidence.of_role(Role.COMPRESSED)
    best = {runtime: _best(candidates, verdicts, runtime) for runtime in _runtimes(candidates)}
    return tuple(_choice(one, best[one.artifact.runtime], candidates, verdicts) for one in candidates)


def passing(candidates: Sequence[Measured], verdicts: Sequence[Verdict]) -> list[Measured]:
    """The candidates with at least one verdict, all of them PASS."""
    return [one for one in candidates if worst(_of(one, verdicts)) is Status.PASS]


def p50_ns(one: Measured) -> float:
    """Median latency; infinite when there are too few runs to say."""
    found = percentile(one.measurement.latencies_ns, 50)
    return found.value if found else float("inf")


def _runtimes(candidates: Sequence[Measured]) -> set[str]:
    return {one.artifact.runtime for one in candidates}


def _of(one: Measured, verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.artifact == one.artifact.name]


def _best(candidates: Sequence[Measured], verdicts: Sequence[Verdict], runtime: str) -> Measured | None:
    able = [one for one in passing(candidates, verdicts) if one.artifact.runtime == runtime]
    if not able:
        return None
    fastest = min(able, key=p50_ns)
    floats = [one for one in able if one.artifact.scheme in FLOATS]
    nearly = [one for one in able if p50_ns(one) <= p50_ns(fastest) * TIE and not _slower_than_any(one, floats)]
    return min(nearly or [fastest], key=lambda one: (one.artifact.size_bytes, one.artifact.name))


def _slower_than_any(one: Measured, others: Sequence[Measured]) -> bool:
    ratios = [side_by_side(one, other) for other in others if other is not one]
    return any(ratio is not None and ratio.value > 1 for ratio in ratios)


def _choice(
    one: Measured, best: Measured | None, candidates: Sequence[Measured], verdicts: Sequence[Verdict]
) -> Choice:
    why = _why_chosen(one, passing(candidates, verdicts)) if one is best else _why_not(one, best, verdicts)
    return Choice(artifact=one.artifact.name, runtime=one.artifact.runtime, chosen=one is best, why=why)


def _why_chosen(one: Measured, able: Sequence[Measured]) -> str:
    runtime = one.artifact.runtime
    fastest = min((other for other in able if other.artifact.runtime == runtime), key=p50_ns)
    if p50_ns(one) == p50_ns(fastest):
        return f"Chosen: passed every check, and none that did is faster on {runtime} ({_ms(one)})."
    return (
        f"Chosen: passed every check, takes {_ms(one)} on {runtime}, within 5 % of the fastest that did "
        f"({fastest.artifact.name}, {_ms(fastest)}), and is the smallest of these ({one.artifact.size_bytes:,} bytes)."
    )


def _why_not(one: Measured, best: Measured | None, verdicts: Sequence[Verdict]) -> str:
    own = _of(one, verdicts)
    for status, opening in ((Status.FAIL, "Rejected"), (Status.INCONCLUSIVE, "Not shown to pass")):
        found = [verdict for verdict in own if verdict.status is status]
        if found:
            return f"{opening}: {'; '.join(f'{verdict.check}: {verdict.reason}' for verdict in found)}."
    if best is None:
        return "Not shown to pass: no check spoke of it."
    if p50_ns(one) > p50_ns(best) * TIE or one.artifact.size_bytes < best.artifact.size_bytes:
        return f"Passed, but {best.artifact.name} is faster ({_ms(best)} against {_ms(one)})."
    return f"Passed, but {best.artifact.name} is as fast and its file is no larger."


def _ms(one: Measured) -> str:
    p50 = p50_ns(one)
    return f"p50 {p50 / 1e6:.3g} ms" if isfinite(p50) else "latency not measured"
