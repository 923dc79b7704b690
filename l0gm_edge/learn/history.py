"""How a course of training went."""

from __future__ import annotations

from l0gm_edge.core.value import Value


class Moment(Value):
    """Smoothed training figures at one step."""

    step: int
    loss: float
    accuracy: float
    expected_active_fraction: float | None


class History(Value):
    """Figures at every checkpoint of a course."""

    moments: tuple[Moment, ...] = ()

    def and_then(self, moment: Moment) -> History:
        """This history with one more moment."""
        return History(moments=(*self.moments, moment))

    def last_figures(self) -> tuple[float | None, float | None]:
        """The last loss and accuracy, or None."""
        return (self.moments[-1].loss, self.moments[-1].accuracy) if self.moments else (None, None)
