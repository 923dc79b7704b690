"""A percentile of latency in words: its value, its interval, its bound; or why there is none."""

from __future__ import annotations

from l0gm_edge.core.profiled import Percentile
from l0gm_edge.report import wording
from l0gm_edge.report.headline import Figure


def figure(label: str, one: Percentile) -> Figure:
    """A percentile as a headline figure."""
    if one.value_ns is None:
        return Figure(label, wording.MISSING, one.missing)
    bound = "" if one.bound_ns is None else f"99 % bound {wording.milliseconds(one.bound_ns / 1e6)}"
    return Figure(label, wording.milliseconds(one.value_ns / 1e6), f"{interval(one)} ms", bound)


def value(one: Percentile) -> str:
    """Its milliseconds, for a table whose column names the unit."""
    return wording.number(None if one.value_ns is None else one.value_ns / 1e6)


def interval(one: Percentile) -> str:
    """Its 95 % interval in milliseconds, without the unit; empty where there is none."""
    return "" if one.interval_ns is None else " to ".join(wording.number(ns / 1e6) for ns in one.interval_ns)
