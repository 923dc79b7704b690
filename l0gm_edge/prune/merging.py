"""Several experts as one: hidden units in the order of the first expert's, then averaged."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from l0gm_edge.models.moe import Expert


@torch.no_grad()
def merged(experts: Sequence[Expert], shares: Sequence[float]) -> Expert:
    """The average of experts, each by its share; evenly where all shares are 0.

    Hidden units are matched to the first expert's, since their order means nothing; experts that are narrower than the
    widest count as having silent ones.
    """
    width = max(expert.up.out_features for expert in experts)
    wide = [expert.widened(width) for expert in experts]
    total = sum(shares)
    weights = [share / total for share in shares] if total else [1 / len(experts)] * len(experts)
    made = copy.deepcopy(wide[0])
    states = [wide[0].state_dict(), *(aligned(expert, wide[0]).state_dict() for expert in wide[1:])]
    made.load_state_dict(
        {name: sum(weight * state[name] for weight, state in zip(weights, states, strict=True)) for name in states[0]}
    )
    return made


@torch.no_grad()
def aligned(expert: Expert, reference: Expert) -> Expert:
    """A copy with its hidden units in the order in which they are most like the reference's.

    The order maximises the sum of inner products of what matching units read and give, an assignment problem: weight
    matching as in Git Re-Basin (arXiv 2209.04836).
    """
    from scipy.optimize import linear_sum_assignment

    _, order = linear_sum_assignment((_units(reference) @ _units(expert).T).double().numpy(), maximize=True)
    rows = torch.from_numpy(order)
    made = copy.deepcopy(expert)
    made.up.weight = nn.Parameter(expert.up.weight[rows])
    made.up.bias = nn.Parameter(expert.up.bias[rows])
    made.down.weight = nn.Parameter(expert.down.weight[:, rows])
    return made


def _units(expert: Expert) -> Tensor:
    """What every hidden unit reads, adds and gives: (hidden, in + 1 + out)."""
    return torch.cat([expert.up.weight, expert.up.bias[:, None], expert.down.weight.T], dim=1)
