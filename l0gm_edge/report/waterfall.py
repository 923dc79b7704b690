"""Operators in the order they run, each beginning where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.profiled import OperatorTimes, shares
from l0gm_edge.report import wording

MOST_ROWS = 60
LEAST_SHARE = 0.006
"""Of many operators, neighbours that take less than this each stand in one row."""


@dataclass(frozen=True)
class Step:
    """One operator, or several small ones; `start` and `share` are in 0..1 of the profiled time."""

    op: str
    name: str
    start: float
    share: float
    fell_back: bool


def steps(operators: OperatorTimes) -> tuple[Step, ...]:
    """The rows of the waterfall; operators off the runtime's fast path always have their own."""
    layers = operators.layers
    found = list(zip(layers, shares(layers), strict=True)) if layers else []
    rows: list[Step] = []
    start, gathered = 0.0, list[tuple[LayerTime, float]]()
    for layer, share in found:
        small = len(found) > MOST_ROWS and share < LEAST_SHARE and not _fell_back(layer, operators)
        if not small:
            rows += _gathered(gathered, start)
            start += sum(one for _, one in gathered)
            gathered = []
            rows.append(Step(layer.op, layer.name, start, share, _fell_back(layer, operators)))
            start += share
        else:
            gathered.append((layer, share))
    return (*rows, *_gathered(gathered, start))


@dataclass(frozen=True)
class Kind:
    """All operators of one kind: how many, and their share in 0..1."""

    op: str
    count: int
    share: float
    fell_back: bool


def kinds(operators: OperatorTimes, most: int) -> tuple[Kind, ...]:
    """The kinds of operator that take the most, the longest first."""
    held: dict[str, list[tuple[LayerTime, float]]] = {}
    for layer, share in zip(operators.layers, shares(operators.layers), strict=True) if operators.layers else ():
        held.setdefault(layer.op, []).append((layer, share))
    found = [
        Kind(op, len(each), sum(share for _, share in each), any(_fell_back(layer, operators) for layer, _ in each))
        for op, each in held.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.op))[:most])


def providers(operators: OperatorTimes | None) -> tuple[str, ...]:
    """What each of several providers ran, in words; nothing where one ran everything."""
    if operators is None or len(operators.providers) < 2:
        return ()
    whole = sum(one.ns for one in operators.providers) or 1
    return tuple(
        f"{one.provider.removesuffix('ExecutionProvider')}: {one.nodes} nodes, {wording.percent(one.ns / whole)} of "
        "the time"
        for one in operators.providers
    )


def _gathered(small: Sequence[tuple[LayerTime, float]], start: float) -> list[Step]:
    if not small:
        return []
    if len(small) == 1:
        return [Step(small[0][0].op, small[0][0].name, start, small[0][1], fell_back=False)]
    kinds = ", ".join(dict.fromkeys(layer.op for layer, _ in small))
    return [Step(f"{len(small)} small ones", kinds, start, sum(share for _, share in small), fell_back=False)]


def _fell_back(layer: LayerTime, operators: OperatorTimes) -> bool:
    return layer.op in operators.fallback_ops or layer.name in operators.fallback_ops
