"""Merged into one another: the experts used most take in those that are routed to alike.

In the style of MC-SMoE (arXiv 2310.01334): every other expert joins the one, of those that stay, whose router logits
over the rows are most like its own (cosine). Members are averaged by their use, hidden units matched first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from l0gm_edge.prune.experts import Choice, Seen
from l0gm_edge.prune.experts.use import choose as most_used
from l0gm_edge.prune.experts.use import use

MOST, LEARNED = None, False


@torch.no_grad()
def choose(seen: Seen, keep: int) -> Choice:
    """Groups around the experts used most; see `Way.choose`."""
    assert seen.layer.router is not None
    logits = F.normalize(seen.layer.router(torch.cat(list(seen.rows.values()))), dim=0)
    alike = logits.T @ logits
    leaders = [group[0] for group in most_used(seen, keep).groups]
    groups = {leader: [leader] for leader in leaders}
    for expert in range(len(seen.layer.experts)):
        if expert not in groups:
            groups[leaders[int(alike[expert, leaders].argmax())]].append(expert)
    return Choice(tuple(map(tuple, groups.values())), tuple(use(seen).mean(0).tolist()))
