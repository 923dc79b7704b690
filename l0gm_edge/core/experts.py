"""Which experts stay, as a recipe says it."""

from __future__ import annotations

from pydantic import PositiveInt

from l0gm_edge.core.value import PlugIn, Value


class Experts(Value):
    """`keep` experts stay of each layer of them, chosen `by` a file of `l0gm_edge/prune/experts` on so many `rows` of
    the calibration split."""

    keep: PositiveInt
    by: PlugIn = "reap"
    rows: PositiveInt = 512

    def require_within(self, experts: int, top_k: int) -> None:
        """Raise ValueError when a layer of so many experts, of which each row uses `top_k`, cannot keep these."""
        if experts == 1:
            raise ValueError("prune.experts: the model has one expert, so there is nothing to choose")
        if self.keep > experts:
            raise ValueError(f"prune.experts.keep ({self.keep}) cannot exceed the experts there are ({experts})")
        if 1 < self.keep < top_k:
            raise ValueError(
                f"prune.experts.keep ({self.keep}) must be top_k ({top_k}) or more, or 1 for a dense layer"
            )
