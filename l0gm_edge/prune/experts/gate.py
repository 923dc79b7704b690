"""By what the experts' own L0 gates have learned: how much the loss minds each one's going.

The gates learn beside all others, with `keep` experts as the fewest that they leave.
"""

from __future__ import annotations

from l0gm_edge.prune.experts import Choice, Seen
from l0gm_edge.prune.experts._best import best
from l0gm_edge.prune.experts.use import use

MOST, LEARNED = None, True


def choose(seen: Seen, keep: int) -> Choice:
    """The experts with the highest learned scores; see `Way.choose`."""
    assert seen.gate is not None
    return best(seen.gate, use(seen) > 0, keep)
