"""The way of the same rows from torch to the device, and where answers part on it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import FiniteFloat

from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value


class Place(StrEnum):
    """Where rows are computed, in the order of the way."""

    FILE = "file"
    """On the host, operator by operator, by the runtime's reference kernels."""
    HOST = "host"
    """On the host, as the runtime runs the file there."""
    DEVICE = "device"
    """On the device."""


class Link(Value):
    """How far a place's answers are from torch's: the largest difference over torch's largest value (null where not
    finite), and the share of rows with the same top class; or why there are none."""

    place: Place
    difference: FiniteFloat | None = None
    agreement: float | None = None
    unavailable: Told | None = None


class Chain(Value):
    """The way of one artifact over a few rows.

    `parted` is the first place whose answers leave those of the place before by more than the scheme explains, `layer`
    the first layer that does so there, where there is one; `unseen` says why its layers could not be looked into.
    """

    artifact: str
    rows: int
    links: tuple[Link, ...]
    parted: Place | None = None
    layer: Told | None = None
    unseen: Told | None = None

    @property
    def told(self) -> str | None:
        """Where answers part, in words; None where they do not."""
        if self.parted is None:
            return None
        layer = f", first in layer {self.layer}" if self.layer else ""
        unseen = f" (its layers could not be looked into: {self.unseen})" if self.unseen else ""
        return f"{_PARTED[self.parted]}{layer}{unseen}"


class Chains(Value):
    """One way an artifact."""

    chains: tuple[Chain, ...]


_PARTED = {
    Place.FILE: "answers leave torch's in the file itself",
    Place.HOST: "answers leave the file's own arithmetic in this machine's runtime",
    Place.DEVICE: "answers leave this machine's on the device",
}
