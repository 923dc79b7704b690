"""What the gates decided: kept width of each site, and how sure each kind's gates were when the cut was made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from l0gm_edge.core.plan import SiteCut
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.report import Report

WIDTH, HEIGHT = 300, 136
LEFT, RIGHT, TOP, BOTTOM = 34, 292, 8, 100
BINS = 10


@dataclass(frozen=True)
class Column:
    """One bin of a histogram in SVG units: kept units below, cut units on top of them."""

    left: float
    width: float
    kept_top: float
    kept_height: float
    cut_top: float
    cut_height: float
    title: str


@dataclass(frozen=True)
class KindOfSite:
    """All sites of one kind, with the histogram of their gates' open probabilities (empty when there are none)."""

    kind: SiteKind
    sites: tuple[SiteCut, ...]
    kept: int
    width: int
    columns: tuple[Column, ...]
    tallest: int
    description: str


def kinds(report: Report) -> tuple[KindOfSite, ...]:
    """The kinds of site that the model has, in the recipe's order of kinds."""
    found = [(kind, tuple(site for site in report.sites if site.kind is kind)) for kind in SiteKind]
    return tuple(_kind(kind, sites) for kind, sites in found if sites)


def _kind(kind: SiteKind, sites: tuple[SiteCut, ...]) -> KindOfSite:
    kept, cut = _histogram(sites)
    tallest = max(map(sum, zip(kept, cut, strict=True)))
    width = sum(site.width for site in sites)
    units = sum(len(site.keep) for site in sites)
    return KindOfSite(
        kind,
        sites,
        units,
        width,
        _columns(kept, cut, tallest) if tallest else (),
        tallest,
        f"Gates of {kind} sites by probability of being open: {units} of {width} units were kept. "
        f"Kept, from 0 to 1 in tenths: {_listed(kept)}. Cut: {_listed(cut)}.",
    )


def _histogram(sites: Iterable[SiteCut]) -> tuple[list[int], list[int]]:
    kept, cut = [0] * BINS, [0] * BINS
    for site in sites:
        keep = set(site.keep)
        for unit, probability in enumerate(site.open_probability):
            if math.isfinite(probability):
                side = kept if unit in keep else cut
                side[min(max(int(probability * BINS), 0), BINS - 1)] += 1
    return kept, cut


def _columns(kept: list[int], cut: list[int], tallest: int) -> tuple[Column, ...]:
    step = (RIGHT - LEFT) / BINS
    columns = []
    for index, (kept_count, cut_count) in enumerate(zip(kept, cut, strict=True)):
        kept_height, cut_height = _height(kept_count, tallest), _height(cut_count, tallest)
        columns.append(
            Column(
                round(LEFT + index * step + 1, 2),
                round(step - 2, 2),
                round(BOTTOM - kept_height, 2),
                kept_height,
                round(BOTTOM - kept_height - cut_height, 2),
                cut_height,
                f"{index / BINS:g} to {(index + 1) / BINS:g}: {kept_count} kept, {cut_count} cut",
            )
        )
    return tuple(columns)


def _height(count: int, tallest: int) -> float:
    """Proportional, but never too low to be seen."""
    return round(max(2.0, (BOTTOM - TOP - 4) * count / tallest), 2) if count else 0.0


def _listed(counts: list[int]) -> str:
    return ", ".join(map(str, counts))
