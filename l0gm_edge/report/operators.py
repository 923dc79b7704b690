"""Where the time of one inference goes: kinds of operator, and operators one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core.profiled import OperatorTimes
from l0gm_edge.report.waterfall import Kind, Step, kinds, providers, steps

KINDS_SHOWN = 6


@dataclass(frozen=True)
class View:
    """Operators as a page shows them; `no_steps` says why there are none."""

    fallback_ops: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    steps: tuple[Step, ...] = ()
    no_steps: str = ""
    providers: tuple[str, ...] = ()


def view(found: OperatorTimes | None) -> View:
    """What a page shows of them."""
    if found is None:
        return View(no_steps="Operators were not timed; --layers does it.")
    return View(
        fallback_ops=found.fallback_ops,
        kinds=kinds(found, KINDS_SHOWN),
        steps=steps(found),
        no_steps="" if found.layers else found.unavailable or "The runtime tells of no operator.",
        providers=providers(found),
    )
