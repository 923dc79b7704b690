"""Which form each layer of a model takes: the quickest on a device, within limits of noise."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from l0gm_edge.backends import FLOAT, LayerCost, Sensitivity
from l0gm_edge.core.allocate import Option, cheapest

LIMITS_DB = (40.0, 30.0, 20.0, None)
"""How far outputs are to stay above the noise in each choice; None is no limit."""
TABLE_SHARE = 0.01
"""An embedding is quantized for the size of the file where that takes no more than this share of the float model's
time."""

Costs = Mapping[str, Mapping[str, LayerCost]]
"""By form, by layer."""


def choices(layers: Iterable[Sensitivity], costs: Costs) -> dict[float | None, dict[str, str]]:
    """For each limit of noise the form of every layer that does not stay float, least time in all; equals stand once.

    Noise of layers is taken to add up. A layer without a time stays float, and so does one that a form takes off the
    runtime's fast path.
    """
    parts = _options(layers, costs)
    found: dict[float | None, dict[str, str]] = {}
    for limit_db in LIMITS_DB:
        limit = math.inf if limit_db is None else 10 ** (-limit_db / 10)
        taken = cheapest(parts, limit)
        forms = {layer: option.name for layer, option in taken.items() if option.name != FLOAT}
        if forms and forms not in found.values():
            found[limit_db] = forms
    return found


def off_the_fast_path(layers: Iterable[Sensitivity], costs: Costs) -> tuple[str, ...]:
    """Layers that a form takes off the runtime's fast path, in words."""
    return tuple(f"{one.layer} ({one.op}, {one.form})" for one in layers if _falls(one, costs))


def _options(layers: Iterable[Sensitivity], costs: Costs) -> dict[str, list[Option]]:
    plain = costs[FLOAT]
    spare = TABLE_SHARE * sum(cost.ns for cost in plain.values())
    parts: dict[str, list[Option]] = defaultdict(list)
    for one in layers:
        if one.layer not in plain:
            continue
        as_float = plain[one.layer].ns
        options = parts[one.layer]
        if not options:
            options.append(Option(name=FLOAT, cost=as_float, error=0.0))
        cost = costs.get(one.form, {}).get(one.layer)
        if cost is None or not math.isfinite(one.noise) or _falls(one, costs):
            continue
        free = not one.multiplications and cost.ns - as_float <= spare
        options.append(Option(name=one.form, cost=0.0 if free else cost.ns, error=one.noise))
    return parts


def _falls(one: Sensitivity, costs: Costs) -> bool:
    plain, cost = costs[FLOAT].get(one.layer), costs.get(one.form, {}).get(one.layer)
    return plain is not None and cost is not None and plain.fast and not cost.fast
