"""Where a slower model loses its time: the operators that take longer than in the one it is held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from l0gm_edge.core.comparison import OperatorChange
from l0gm_edge.core.measurement import LayerTime

NAMED = 3
LEAST_SHARE = 0.05


class Profiled(Protocol):
    """Anything that holds operator times."""

    @property
    def layers(self) -> tuple[LayerTime, ...]:
        """Operators in the order they run."""

    @property
    def fallback_ops(self) -> tuple[str, ...]:
        """Kinds of operator that left the runtime's fast path."""


def slow_operators(candidate: Profiled, twin: Profiled, named: str) -> str:
    """Which operators take longer than in the twin, and which fell back, as a clause of a sentence.

    Operators are told by name where both models have most of them, else by kind. Profiling slows a run, so growth is
    told as a share of the twin's profiled operators, and small shares are left out. `named` is what the twin is called.
    """
    growth = operator_changes(candidate, twin)
    added = ", ".join(
        f"{one.operator} (+{one.growth:.0%} of {named}'s operator time{'' if one.before else f', not in {named}'})"
        for one in growth[:NAMED]
        if one.growth >= LEAST_SHARE
    )
    fallen = ", ".join(op for op in candidate.fallback_ops if op not in twin.fallback_ops)
    untold = "" if candidate.layers else "no per-operator times to say where"
    clauses = [
        f"it loses its time in {added}" if added else untold,
        f"fell out of the fast path: {fallen}" if fallen else "",
    ]
    return "; ".join(clause for clause in clauses if clause) or "no single operator takes longer"


def operator_changes(candidate: Profiled, twin: Profiled) -> tuple[OperatorChange, ...]:
    """What each operator of either takes, in shares of the twin's profiled time; what grew most comes first.

    Operators are told by name where both models have most of them, else by kind.
    """
    ours, theirs = (_total(one, lambda layer: f"{layer.op} {layer.name}") for one in (candidate, twin))
    if len(ours.keys() & theirs.keys()) <= max(len(ours), len(theirs)) / 2:
        ours, theirs = (_total(one, lambda layer: layer.op) for one in (candidate, twin))
    whole = theirs.total() or 1
    found = [
        OperatorChange(operator=op, before=theirs[op] / whole, after=ours[op] / whole)
        for op in dict.fromkeys((*theirs, *ours))
    ]
    return tuple(sorted(found, key=lambda one: (one.growth, one.operator), reverse=True))


def _total(model: Profiled, key: Callable[[LayerTime], str]) -> Counter[str]:
    total: Counter[str] = Counter()
    for layer in model.layers:
        total[key(layer)] += layer.mean_ns
    return total
