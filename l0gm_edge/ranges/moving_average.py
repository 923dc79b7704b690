"""The extremes of a run, averaged over the runs: every further run counts for `averaging`, the earlier ones fade."""

from __future__ import annotations

from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import Calibrator, Range, Values


def create(total: int, settings: Quantize) -> Calibrator:  # noqa: ARG001 (the plug-ins' common form)
    """Begin with a tensor."""
    return _Averaged(settings.averaging)


class _Averaged:
    def __init__(self, share: float) -> None:
        self._share = share
        self._found: Range | None = None

    def add(self, values: Values) -> None:
        low, high = float(values.min()), float(values.max())
        before = self._found or (low, high)
        self._found = before[0] + self._share * (low - before[0]), before[1] + self._share * (high - before[1])

    @property
    def range(self) -> Range:
        assert self._found is not None
        return self._found
