"""Energy of one inference in words."""

from __future__ import annotations

from l0gm_edge.core.energy import Energy
from l0gm_edge.report import wording


def told(found: Energy) -> tuple[str, str]:
    """The figure, and what it rests on; or that there is none, and why."""
    if found.mj is None or found.mean_mw is None:
        return wording.MISSING, found.unavailable or ""
    watts = wording.quantity(found.mean_mw / 1e3, "W")
    return wording.quantity(found.mj, "mJ"), f"{watts} of {', '.join(found.rails)} over {found.seconds:.1f} s"
