"""A figure beside others of its kind, as a bar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """`share` of the largest, in 0..1; `detail` says in words what the figure rests on, or its place among others."""

    label: str
    share: float
    value: str
    detail: str
