"""The way of a few rows from torch to the device, in words."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core.report import Report
from l0gm_edge.core.truth import Chain, Link, Place
from l0gm_edge.report import wording

NOWHERE = "nowhere"


@dataclass(frozen=True)
class Cell:
    """A place's distance from torch, or why there is none."""

    text: str
    why: str = ""

    @property
    def none(self) -> bool:
        """Whether there is no figure."""
        return self.text in (wording.MISSING, "")


@dataclass(frozen=True)
class Way:
    """One artifact's way; a cell each of `places`."""

    artifact: str
    rows: int
    cells: tuple[Cell, ...]
    parted: str


def places(report: Report) -> tuple[Place, ...]:
    """Where rows of any artifact were computed, in the order of the way."""
    found = {link.place for chain in report.ways for link in chain.links}
    return tuple(place for place in Place if place in found)


def ways(report: Report) -> tuple[Way, ...]:
    """Every artifact's way, in the order of the artifacts."""
    shown = places(report)
    return tuple(
        Way(chain.artifact, chain.rows, tuple(_cell(chain, place) for place in shown), chain.told or NOWHERE)
        for chain in report.ways
    )


def _cell(chain: Chain, place: Place) -> Cell:
    link = next((one for one in chain.links if one.place is place), None)
    if link is None:
        return Cell("")
    if link.unavailable is not None:
        return Cell(wording.MISSING, link.unavailable)
    return Cell(f"{_difference(link)} · {wording.percent(link.agreement)}")


def _difference(link: Link) -> str:
    return "not finite" if link.difference is None else wording.number(link.difference)
