"""A mixture of experts as a static graph: every expert is computed, the router weighs them. In training, only what is
used is computed, which gives the same (`models/sparse.py`).

Experts that were merged into one answer for the router outputs of all of them, whose weights add up: routing is as it
was (as in MC-SMoE, arXiv 2310.01334), so merging experts that are equal changes nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from l0gm_edge.core.network import Combine
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Axis, Member, Site
from l0gm_edge.models import dispatch, sparse
from l0gm_edge.models.router import WEIGHTS, Router, reaching
from l0gm_edge.models.rows import Routed, Rows


class Expert(nn.Module):
    """Linear, ReLU, Linear."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(features, hidden)
        self.down = nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., features) to (..., features)."""
        out: Tensor = self.down(torch.relu(self.up(x)))
        return out

    @torch.no_grad()
    def widened(self, hidden: int) -> Expert:
        """A copy with so many hidden units, the new ones silent."""
        made = copy.deepcopy(self)
        more = hidden - self.up.out_features
        made.up.weight = nn.Parameter(functional.pad(self.up.weight, (0, 0, 0, more)))
        made.up.bias = nn.Parameter(functional.pad(self.up.bias, (0, more)))
        made.down.weight = nn.Parameter(functional.pad(self.down.weight, (0, more)))
        made.up.out_features = made.down.in_features = hidden
        return made


class MoE(nn.Module):
    """`experts` experts of which each row (a sample, or a token) uses `top_k`; (..., features) -> (..., features).

    With one expert left it is that expert alone: a dense feed-forward layer without a router. `answers` says for how
    many of the router's outputs, one after the other, each expert answers: one, unless experts were merged into it.
    With a `capacity`, experts have in training room for that many times their even share of the rows of a batch
    (`dispatch`); in evaluation nothing is dropped, so that no row depends on others. `routed` holds what the router
    said in the last forward pass in training mode, else None. Given a `threshold`, a row goes without those of its
    experts whose weight is below it; the shortcut beside the layer carries such a row.
    """

    threshold: Tensor | None

    def __init__(
        self,
        features: int,
        hidden: int,
        experts: int,
        top_k: int,
        combine: Combine = Combine.CHOSEN,
        threshold: float | None = None,
        capacity: float | None = None,
    ) -> None:
        super().__init__()
        self.router: Router | None = Router(features, experts) if experts > 1 else None
        self.experts = nn.ModuleList(Expert(features, hidden) for _ in range(experts))
        self.top_k, self.combine, self.capacity = top_k, combine, capacity
        self.answers = (1,) * experts
        self.routed: Routed | None = None
        self.register_buffer("threshold", None if threshold is None or experts == 1 else torch.tensor(threshold))

    def forward(self, x: Tensor, rows: Rows | None = None) -> Tensor:
        """Map (..., features) to (..., features); `rows` (...) are asked only in training."""
        if self.router is None:
            alone: Tensor = self.experts[0](x)
            return alone
        logits = self.router(x)
        self.routed = Routed.of(self._ungated(x, logits), rows, self.top_k) if self.training else None
        chosen = self.combined(logits)
        weights = self._of_experts(self._served(chosen, logits, rows) if self.training else chosen)
        if self.training and self.top_k < len(self.experts) and sparse.may_skip_rows(self.experts):
            return sparse.mixed(x, weights, self.experts)
        terms = [weights[..., e : e + 1] * expert(x) for e, expert in enumerate(self.experts)]
        total: Tensor = sum(terms[1:], terms[0])
        return total

    def _served(self, chosen: Tensor, logits: Tensor, rows: Rows | None) -> Tensor:
        """The weights of what experts serve in training: rows that are there, and as many as there is room for."""
        present = None if rows is None else rows.present
        if self.capacity is not None:
            return chosen * dispatch.kept(logits, self.top_k, self.capacity, present)
        return chosen if present is None else chosen * present.unsqueeze(-1).to(chosen.dtype)

    def weights(self, x: Tensor) -> Tensor:
        """Each expert's weight in the output: (..., features) -> (..., experts)."""
        if self.router is None:
            return torch.ones_like(x[..., :1])
        return self._of_experts(self.combined(self.router(x)))

    def combined(self, logits: Tensor) -> Tensor:
        """The weights of router outputs, all or some of them, by their logits: (..., outputs) -> (..., outputs)."""
        weights = WEIGHTS[self.combine](logits, min(self.top_k, logits.shape[-1]))
        return weights if self.threshold is None else reaching(weights, self.threshold)

    def scores(self, logits: Tensor) -> Tensor:
        """The router scores of the pairs of each row and the experts that it is routed to, the highest first: (...,
        outputs) -> (..., top_k)."""
        top_k = min(self.top_k, logits.shape[-1])
        return torch.topk(WEIGHTS[self.combine](logits, top_k), top_k, dim=-1).values

    def _of_experts(self, routed: Tensor) -> Tensor:
        """The weights of the router's outputs, (..., outputs), as those of experts, (..., experts)."""
        if len(self.answers) == routed.shape[-1]:
            return routed
        spans = self.router_outputs()
        return torch.cat([routed[..., one.start : one.stop].sum(dim=-1, keepdim=True) for one in spans], dim=-1)

    def router_outputs(self) -> tuple[range, ...]:
        """The router outputs that each expert answers for."""
        return tuple(range(end - count, end) for count, end in zip(self.answers, accumulate(self.answers), strict=True))

    def __getstate__(self) -> dict[str, Any]:
        """A copy has not run yet: without what the router said in the last pass, whose graph cannot be copied."""
        return {**self.__dict__, "routed": None}

    def _ungated(self, x: Tensor, logits: Tensor) -> Tensor:
        """The logits, with what gates add to them, to which they pass no gradient on.

        Else losses on routing, not use, would decide which experts stay: balance pushes the gates of little used ones
        open.
        """
        assert self.router is not None
        if not self.router._forward_hooks and "forward" not in vars(self.router):
            return logits
        plain = functional.linear(x, self.router.weight, self.router.bias)
        return plain + (logits - plain).detach()

    @property
    def in_features(self) -> int:
        """Width of what the router and the experts read."""
        return self._first.up.in_features

    @property
    def out_features(self) -> int:
        """Width of what the experts give."""
        return self._first.down.out_features

    @property
    def _first(self) -> Expert:
        first = self.experts[0]
        assert isinstance(first, Expert)
        return first

    def parts(self, axis: Axis) -> tuple[tuple[str, Axis], ...]:
        """Router and first layers read; last layers give."""
        side = "up" if axis == "in" else "down"
        router = ("router",) if self.router is not None and axis == "in" else ()
        return tuple((name, axis) for name in (*router, *(f"experts.{e}.{side}" for e in range(len(self.experts)))))

    def inner_sites(self) -> tuple[Site, ...]:
        """The experts themselves, and each expert's hidden width."""
        count = len(self.experts)
        every = tuple(range(count))
        expert_of = tuple(e for e, outputs in enumerate(self.router_outputs()) for _ in outputs)
        members = (Member("", "units", every, every), Member("router", "out", tuple(range(len(expert_of))), expert_of))
        modules = tuple(f"experts.{e}" for e in every)
        whole = (Site("experts", SiteKind.EXPERTS, count, members, modules=modules),) if count > 1 else ()
        return (*whole, *(self._hidden_site(e) for e in every))

    def _hidden_site(self, e: int) -> Site:
        expert = self.experts[e]
        assert isinstance(expert, Expert)
        units = tuple(range(expert.up.out_features))
        members = (
            Member(f"experts.{e}.up", "out", units, units),
            Member(f"experts.{e}.down", "in", units, units),
        )
        inside = ("experts", e) if len(self.experts) > 1 else None
        return Site(f"experts.{e}.hidden", SiteKind.HIDDEN, len(units), members, inside)

    def keep_units(self, units: tuple[int, ...]) -> None:
        """Keep these experts; the router's outputs are cut with them, and it goes when one expert is left."""
        self.experts = nn.ModuleList(self.experts[e] for e in units)
        self.answers = tuple(self.answers[e] for e in units)
        self._settle()

    @torch.no_grad()
    def regroup(self, groups: Sequence[Sequence[int]]) -> None:
        """Keep the first expert of every group, as wide as the widest of it, to answer for all members; experts in no
        group go, and their router outputs with them."""
        outputs = self.router_outputs()
        if self.router is not None:
            rows = [row for group in groups for e in group for row in outputs[e]]
            self.router.weight = nn.Parameter(self.router.weight[rows].clone())
            self.router.bias = nn.Parameter(self.router.bias[rows].clone())
            self.router.out_features = len(rows)
        self.answers = tuple(sum(self.answers[e] for e in group) for group in groups)
        self.experts = nn.ModuleList(self._widest(group) for group in groups)
        self._settle()

    def _widest(self, group: Sequence[int]) -> Expert:
        members = [one for e in group if isinstance(one := self.experts[e], Expert)]
        return members[0].widened(max(one.up.out_features for one in members))

    def _settle(self) -> None:
        """What follows from the experts that are left."""
        always = self.combine is Combine.CHOSEN or sum(self.answers) == 1  # one merged expert may weigh less than 1
        if len(self.experts) == 1 and always:
            self.router, self.answers, self.threshold = None, (1,), None
        self.top_k = min(self.top_k, sum(self.answers))
