"""How much the experts of a layer keep to one modality each, from how each modality spends them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log


def specialization(share: Sequence[Sequence[float]]) -> float | None:
    """Mean over the experts in use of 1 - H(p) / log M, with p the parts that M modalities have in an expert.

    `share` is the share of each expert in what each modality gets, (modalities, experts). 1 when no expert serves two
    modalities, 0 when all are spent alike; for two modalities, 1 - H2(p) as in arXiv 2504.07951, but with modalities
    given the same say however many tokens they have, so that a router blind to them scores 0. None for one modality.
    """
    if len(share) < 2:
        return None
    columns = [column for column in zip(*share, strict=True) if sum(column) > 0]
    scores = [1 - _entropy([part / sum(column) for part in column]) / log(len(share)) for column in columns]
    return sum(scores) / len(scores) if scores else None


def _entropy(parts: Sequence[float]) -> float:
    return -sum(part * log(part) for part in parts if part > 0)
