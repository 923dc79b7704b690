"""The cost table: cuts of one model, timed on one device's runtime side by side with the dense model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from l0gm_edge.core.latency import central
from l0gm_edge.core.measurement import Nanoseconds
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.store import text_sha256
from l0gm_edge.core.value import Value

Ratio = Annotated[float, Field(gt=0)]
Ratios = Annotated[tuple[Annotated[tuple[Ratio, ...], Field(min_length=1)], ...], Field(min_length=1)]
"""Ratios of a model's blocks to those of the dense model that ran beside them, process by process."""
Runs = Annotated[tuple[Annotated[tuple[Nanoseconds, ...], Field(min_length=1)], ...], Field(min_length=1)]
"""Single runs, batch by batch."""


class Key(Value):
    """What a table is of. Latency does not depend on weights, so `model_sha256` is of everything but them. `machine` is
    the device's own account of itself, its runtimes included; `tools` are versions of what made the files."""

    model_sha256: str
    runtime: str
    scheme: str
    hardware: str
    machine: dict[str, str]
    threads: PositiveInt
    opening: Opening = Opening()
    tools: dict[str, str]

    @property
    def sha256(self) -> str:
        """Digest of all of it."""
        return text_sha256(self.model_dump_json())


class Row(Value):
    """One cut: its open units, as the bits of a hexadecimal number, and how it compares to the dense model."""

    kept: str
    ratios: Ratios
    held_out: bool = False

    @property
    def ratio(self) -> float:
        """Its latency as a fraction of the dense model's."""
        return central(self.ratios)


class Table(Value):
    """Everything that was timed. `controls` are ratios of the dense model, rebuilt, to itself; `floor` those of an
    almost empty graph: the runtime's fixed cost. `dense_ns` are all runs of the dense model."""

    key: Key
    units: PositiveInt
    dense_ns: Runs
    floor: Ratios
    controls: Annotated[tuple[Ratios, ...], Field(min_length=1)]
    rows: tuple[Row, ...]

    @property
    def dense_ms(self) -> float:
        """Median latency of the dense model."""
        return median_ms(self.dense_ns)

    @property
    def fixed_ms(self) -> float:
        """Median latency of the almost empty graph."""
        return self.dense_ms * central(self.floor)

    @property
    def p90_over_p50(self) -> float:
        """The dense model's 90th percentile over its median."""
        return tail(self.dense_ns)

    @property
    def control(self) -> tuple[float, float]:
        """The least and the greatest ratio of a rebuilt dense model to the dense model: 1 on a quiet machine."""
        found = [central(ratios) for ratios in self.controls]
        return min(found), max(found)

    def points(self, *, held_out: bool | None = None) -> tuple[Tensor, list[float]]:
        """Open units, bool (rows, units), and ratios of the rows held out, or of the others, or (None) of all.

        What is not only held out begins with the dense model, whose ratio is 1.
        """
        rows = [row for row in self.rows if held_out in (None, row.held_out)]
        kept, ratios = [unpacked(row.kept, self.units) for row in rows], [row.ratio for row in rows]
        if held_out is not True:
            kept, ratios = [torch.ones(self.units, dtype=torch.bool), *kept], [1.0, *ratios]
        return torch.stack(kept), ratios


def median_ms(batches: Sequence[Sequence[int]]) -> float:
    """The median run, in ms; over batches again the median, so that a busy minute does not count."""
    return float(np.median([np.median(batch) for batch in batches])) / 1e6


def tail(batches: Sequence[Sequence[int]]) -> float:
    """How much longer than the median nine in ten runs take at most; over batches the median."""
    return float(np.median([np.quantile(batch, 0.9, method="inverted_cdf") / np.median(batch) for batch in batches]))


class Accuracy(Value):
    """How far predictions are from cuts that the fit has not seen, as fractions of the measured latency."""

    rows: PositiveInt
    median: float
    p90: float

    @classmethod
    def of(cls, errors: Sequence[float]) -> Accuracy:
        """Summarise |predicted / measured - 1| of each row."""
        return cls(rows=len(errors), median=float(np.median(errors)), p90=float(np.quantile(errors, 0.9)))


def packed(kept: Tensor) -> str:
    """Open units (units,) as a hexadecimal number, first unit first."""
    return np.packbits(kept.bool().numpy()).tobytes().hex()


def unpacked(text: str, units: int) -> Tensor:
    """The open units that `packed` wrote: bool (units,)."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))[:units]
    return torch.from_numpy(bits.astype(bool))
