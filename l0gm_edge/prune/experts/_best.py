"""The experts with the best scores, and the last one of a modality."""

from __future__ import annotations

import torch
from torch import Tensor

from l0gm_edge.prune.experts import Choice, Seen


def routed(seen: Seen) -> dict[str, Tensor]:
    """How much of every row each expert gets, by the name of the rows: (n, experts)."""
    return {name: seen.layer.weights(rows) for name, rows in seen.rows.items()}


def best(scores: Tensor, used: Tensor, keep: int) -> Choice:
    """The `keep` experts with the highest scores (experts,); the first of equals.

    As far as `keep` allows, no rows lose the last expert that they use: `used` is bool (kinds of rows, experts).
    """
    ranked = scores.argsort(descending=True, stable=True).tolist()
    needed: list[int] = []
    for uses in used:
        if not any(uses[expert] for expert in needed):
            needed += [expert for expert in ranked if uses[expert]][:1]
    kept = ranked[:keep]
    for expert in sorted(set(needed) - set(kept), key=ranked.index):
        spare = [one for one in reversed(kept) if _serve_alike([*kept, expert], one, used)]
        if spare:
            kept[kept.index(spare[0])] = expert
    return Choice(tuple((expert,) for expert in sorted(kept)), tuple(scores.tolist()))


def _serve_alike(experts: list[int], spare: int, used: Tensor) -> bool:
    """Whether the experts without one of them still serve all the kinds of rows that they serve with it."""
    rest = [one for one in experts if one != spare]
    return torch.equal(used[:, experts].any(1), used[:, rest].any(1))
