"""Latency as gates see it: predicted from tables of one runtime or several, and corrected by what is timed later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Target
from l0gm_edge.cost.fit import Fit, errors, fit
from l0gm_edge.cost.table import Accuracy, Table, median_ms, tail
from l0gm_edge.gates.size import SizeModel

NEARBY = 0.3
"""Log distance from the latency asked for at which a timed cut begins to say little about it."""
FAR = 0.2
"""The weight of a cut that is very far from it."""


def accuracy(table: Table, size: SizeModel) -> Accuracy:
    """How well a fit to the table's other rows predicts those held out."""
    return Accuracy.of(errors(fit(size, *table.points(held_out=False)), *table.points(held_out=True)))


@dataclass(frozen=True)
class Speed:
    """One runtime: the dense model's median, the runtime's fixed part, how long the tail is, and the limit.

    `limit_ms` is a median; `told` is what a person's figures are of it. `base_ms` is where shares of the limit are
    counted from: 0, or the fixed part.
    """

    fit: Fit
    dense_ms: float
    fixed_ms: float
    p90_over_p50: float
    limit_ms: float
    base_ms: float = 0.0
    told: float = 1.0

    def predict(self, gates: Tensor) -> Tensor:
        """Median in ms of the gates (units,), a scalar."""
        return self.dense_ms * self.fit(gates[None])[0]

    def share(self, ms: float) -> float:
        """How much of the limit a latency uses: 1 is all of it."""
        return (ms - self.base_ms) / (self.limit_ms - self.base_ms)


class Latency:
    """Predicts what a target in milliseconds limits; conforms to `gates.target.LatencyModel`.

    The target holds on every runtime of `speeds`. Figures are told in milliseconds of the first: as if it used as much
    of its limit as the runtime that uses the most. Raises TargetImpossible for less than a runtime spends on nothing.
    """

    def __init__(self, tables: Sequence[Table], size: SizeModel, target: Target) -> None:
        self._tables = {table.key.runtime: table for table in tables}
        self._size, self._target = size, target
        self._today: dict[str, list[Sequence[int]]] = {}
        self.speeds = {table.key.runtime: _speed(table, size, target) for table in tables}
        for runtime, speed in self.speeds.items():
            _require_room(speed, runtime, self._tables[runtime].key.hardware)

    @property
    def tailed(self) -> bool:
        """Whether a 90th percentile is asked for."""
        return self._target.p90_ms is not None

    @property
    def fixed_ms(self) -> float:
        """The runtime's own, spent whatever the model."""
        return self.at(max(speed.share(speed.fixed_ms) for speed in self.speeds.values()))

    @property
    def dense_ms(self) -> float:
        """Median of the dense model."""
        return self.at(max(speed.share(speed.dense_ms) for speed in self.speeds.values()))

    @property
    def p90_over_p50(self) -> float:
        """How much longer than the median nine in ten inferences take at most."""
        return self._first.p90_over_p50

    def predict(self, gates: Tensor) -> Tensor:
        """Median latency in ms, a scalar, differentiable in the gates (units,), float64."""
        first = self._first
        told = [
            first.base_ms
            + (speed.predict(gates) - speed.base_ms)
            * ((first.limit_ms - first.base_ms) / (speed.limit_ms - speed.base_ms))
            for speed in self.speeds.values()
        ]
        return torch.stack(told).max()

    def at(self, share: float) -> float:
        """The latency that uses a share of the limit."""
        return self._first.base_ms + share * (self._first.limit_ms - self._first.base_ms)

    def learn(self, kept: Tensor, ratios: Mapping[str, Sequence[float]]) -> None:
        """Take in cuts timed since, bool (rows, units), by their ratios to dense on each runtime.

        What lies near the limit counts for more than what is far from it. What the fit still misses the new cuts by, as
        when the machine is not what it was, corrects its scale.
        """
        for runtime, speed in self.speeds.items():
            rows, known = self._tables[runtime].points()
            measured = [*known, *ratios[runtime]]
            away = np.log(np.asarray(measured) * speed.dense_ms / speed.limit_ms) / NEARBY
            weights = FAR + (1 - FAR) * np.exp(-(away**2) / 2)
            found = fit(self._size, torch.cat([rows, kept]), measured, weights.tolist())
            missed = np.log(np.asarray(ratios[runtime]) / found(kept).detach().numpy())
            off = float(np.average(missed, weights=weights[len(known) :]))
            self.speeds[runtime] = replace(speed, fit=found.scaled(float(np.exp(off))))

    def now(self, runtime: str, dense_ns: Sequence[Sequence[int]]) -> None:
        """Take in runs of the dense model of today, batch by batch: a target in ms is one in ms of today."""
        runs = self._today[runtime] = [*self._today.get(runtime, ()), *dense_ns]
        if self._target.latency_fraction is None:
            self.speeds[runtime] = _paced(self.speeds[runtime], self._target, median_ms(runs), tail(runs))

    @property
    def _first(self) -> Speed:
        return next(iter(self.speeds.values()))


def _speed(table: Table, size: SizeModel, target: Target) -> Speed:
    dense, fixed, found = table.dense_ms, table.fixed_ms, fit(size, *table.points())
    if target.latency_fraction is not None:
        limit = fixed + target.latency_fraction * (dense - fixed)
        return Speed(found, dense, fixed, table.p90_over_p50, limit, base_ms=fixed)
    return _paced(Speed(found, dense, fixed, 1.0, 0.0), target, dense, table.p90_over_p50)


def _paced(speed: Speed, target: Target, dense_ms: float, p90_over_p50: float) -> Speed:
    """The limit that a target in ms is for a machine of this pace."""
    told = p90_over_p50 if target.p90_ms is not None else 1.0
    asked = target.p50_ms if target.p50_ms is not None else target.p90_ms
    assert asked is not None
    return replace(speed, dense_ms=dense_ms, p90_over_p50=p90_over_p50, limit_ms=asked / told, told=told)


def _require_room(speed: Speed, runtime: str, hardware: str) -> None:
    if speed.limit_ms <= speed.fixed_ms:
        fixed, dense = speed.fixed_ms * speed.told, speed.dense_ms * speed.told
        raise TargetImpossible(
            f"{speed.limit_ms * speed.told:.4g} ms are asked for, and {runtime} takes {fixed:.4g} ms for an almost "
            f"empty model on {hardware}",
            where="gates.target",
            allowed=f"more than {fixed:.4g} ms; the dense model takes {dense:.4g} ms",
        )
