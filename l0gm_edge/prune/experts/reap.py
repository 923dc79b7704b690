"""By what an expert adds where it is used: the mean over its rows of router weight times norm of its output.

REAP (arXiv 2510.13999): S_j = 1/|X_j| sum over x in X_j of g_j(x) ||f_j(x)||_2, with X_j the rows routed to expert j;
0 where there are none. It is taken for each modality apart, as a share of the modality's sum, so that each has the same
say; no modality loses the last expert that it uses while `keep` allows.
"""

from __future__ import annotations

import torch

from l0gm_edge.prune.experts import Choice, Seen
from l0gm_edge.prune.experts._best import best, routed

MOST, LEARNED = None, False


@torch.no_grad()
def choose(seen: Seen, keep: int) -> Choice:
    """The experts with the highest scores; see `Way.choose`."""
    weights = routed(seen)
    shares, used = [], []
    for name, rows in seen.rows.items():
        norms = torch.stack([expert(rows).norm(dim=1) for expert in seen.layer.experts], dim=1)
        count = (weights[name] > 0).sum(0)
        score = (weights[name] * norms).sum(0) / count.clamp_min(1)
        shares.append(score / score.sum().clamp_min(1e-12))
        used.append(count > 0)
    return best(torch.stack(shares).mean(0), torch.stack(used), keep)
