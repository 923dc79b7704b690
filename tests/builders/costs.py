"""A small network, and a made-up device whose latency for it is known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
from torch import Tensor, nn

from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.recipe import Gates, Target
from l0gm_edge.cost.sample import sample
from l0gm_edge.cost.table import Key, Row, Table, packed
from l0gm_edge.pipeline.cuts import Subject

DENSE_MS, FIXED = 2.0, 0.04
GATES = Gates(target=Target(active_fraction=1), min_units=1)


def network() -> nn.Sequential:
    """Two convolutions, a pool, two linear layers: (n, 3, 8, 8) -> (n, 5)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 5),
    ).eval()


def subject(multiple: ChannelMultiple | None = None) -> Subject:
    """The network as something to be sized."""
    multiple = multiple or ChannelMultiple(convolution=4)
    return Subject.of(network(), {"input": torch.randn(1, 3, 8, 8)}, GATES, multiple)


def ratio(one: Subject, kept: Tensor, *, step: int = 16, odd: float = 0.3, linear: float = 2e4) -> float:
    """The device's latency as a fraction of the dense model's, `FIXED` of it whatever the widths.

    Convolutions run `step` channels at once, and a width that is no multiple costs `odd` more where it is read.
    """
    return FIXED + (1 - FIXED) * _work(widths(one, kept), step, odd, linear) / _work([32, 64, 256], step, odd, linear)


def widths(one: Subject, kept: Tensor) -> list[int]:
    """Kept units of each site, in the order of the layers."""
    return [int(kept[one.layout.span(site)].sum()) for site in one.layout.sites]


def _work(kept: Sequence[int], step: int, odd: float, linear: float) -> float:
    def up(width: int) -> int:
        return step * ceil(width / step)

    first, second, hidden = kept
    strange = 1 + odd * (first % step > 0)
    return 576 * up(3) * up(first) + 576 * up(first) * up(second) * strange + linear * hidden


def table(one: Subject, cuts: int, noise: float = 0.0, runtime: str = "onnxruntime", **device: float) -> Table:
    """A table of this device; the last quarter of its rows is held out."""
    random = np.random.default_rng(1)
    kept = sample(one.layout, one.allowed, one.size.macs, cuts + 1)[1:]
    rows = [
        Row(
            kept=packed(units),
            ratios=((ratio(one, units, **device) * float(np.exp(random.normal(0, noise))),),),
            held_out=index >= 0.75 * cuts,
        )
        for index, units in enumerate(kept)
    ]
    return Table(
        key=key(runtime),
        units=one.layout.units,
        dense_ns=((round(DENSE_MS * 1e6),) * 9 + (round(1.2 * DENSE_MS * 1e6),) * 2,),
        floor=((FIXED / 2,),),
        controls=(((1.0,),),),
        rows=tuple(rows),
    )


def key(runtime: str) -> Key:
    """What such a table is of."""
    return Key(
        model_sha256="0" * 64,
        runtime=runtime,
        scheme="fp32",
        hardware="bench",
        machine={"processor": "made up"},
        threads=1,
        tools={},
    )
