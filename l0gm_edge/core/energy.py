"""What one inference takes from the battery: the mean over a timed window, and what told it."""

from __future__ import annotations

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat

from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value


class Energy(Value):
    """Energy of one inference, of everything that `rails` feed, idle power included; null where `unavailable` says why.

    `runs` inferences one after the other took `seconds`, in which the rails were read `samples` times.
    """

    mj: PositiveFloat | None = None
    mean_mw: NonNegativeFloat | None = None
    seconds: NonNegativeFloat = 0.0
    runs: NonNegativeInt = 0
    samples: NonNegativeInt = 0
    rails: tuple[Told, ...] = ()
    unavailable: Told | None = None
