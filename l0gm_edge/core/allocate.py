"""One option for every part, the cheapest that keep their errors within a limit: an exact multiple-choice knapsack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.value import Value


class Option(Value):
    """One way to build a part, as its numeric scheme: what it costs (as milliseconds) and the error it brings.

    Costs and errors of parts add up: errors do so as noise power where they are independent.
    """

    name: str
    cost: Annotated[float, Field(allow_inf_nan=False)]
    error: Annotated[float, Field(ge=0, allow_inf_nan=False)]


_Chain = tuple[Option, "_Chain"] | None
_State = tuple[float, float, _Chain]


def cheapest(parts: Mapping[str, Sequence[Option]], limit: float) -> dict[str, Option]:
    """For every part the option to take: least cost in all with errors of `limit` at most, then least error.

    Only combinations that no other beats in both are carried from part to part (Nemhauser and Ullmann 1969): exact,
    and quick for hundreds of parts whose figures are measured. Raises RefusedInput when a part has no option, or when
    even the least errors are too many.
    """
    least = [min((option.error for option in options), default=math.inf) for options in parts.values()]
    if sum(least) > limit:
        raise RefusedInput(
            f"the least errors possible come to {sum(least):.3g}",
            allowed=f"{limit:.3g} at most",
            todo="allow more error, or give every part an option without any",
        )
    room = limit * (1 + 1e-12)  # sums of floats depend on their order
    states: list[_State] = [(0.0, 0.0, None)]
    for done, options in enumerate(parts.values(), 1):
        still = sum(least[done:])
        grown: list[_State] = [
            (cost + option.cost, error + option.error, (option, chain))
            for cost, error, chain in states
            for option in options
            if error + option.error + still <= room
        ]
        states = _unbeaten(grown)
    _, _, chain = states[0]
    taken: list[Option] = []
    while chain is not None:
        option, chain = chain
        taken.append(option)
    return dict(zip(parts, reversed(taken), strict=True))


def _unbeaten(states: list[_State]) -> list[_State]:
    """Those than which none is cheaper and has less error, the cheapest first."""
    kept: list[_State] = []
    for state in sorted(states, key=lambda one: one[:2]):
        if not kept or state[1] < kept[-1][1]:
            kept.append(state)
    return kept
