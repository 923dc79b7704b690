"""A mixture of experts as a static graph: every expert is computed, the router weighs them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Axis, Member, Site
from l0gm_edge.models.router import Router, balance_loss, combine_weights


class Expert(nn.Module):
    """Linear, ReLU, Linear."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(features, hidden)
        self.down = nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, features) to (n, features)."""
        out: Tensor = self.down(torch.relu(self.up(x)))
        return out


class MoE(nn.Module):
    """`experts` experts of which each sample uses `top_k`; (n, features) -> (n, features).

    With one expert left it is that expert alone: a dense feed-forward layer without a router.
    `balance` holds the balance loss of the last forward pass in training mode, else None.
    """

    def __init__(self, features: int, hidden: int, experts: int, top_k: int) -> None:
        super().__init__()
        self.router: Router | None = Router(features, experts) if experts > 1 else None
        self.experts = nn.ModuleList(Expert(features, hidden) for _ in range(experts))
        self.top_k = top_k
        self.balance: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, features) to (n, features)."""
        if self.router is None:
            alone: Tensor = self.experts[0](x)
            return alone
        logits = self.router(x)
        self.balance = self._balance(x, logits) if self.training else None
        weights = combine_weights(logits, self.top_k)
        terms = [weights[:, e : e + 1] * expert(x) for e, expert in enumerate(self.experts)]
        total: Tensor = sum(terms[1:], terms[0])
        return total

    def __getstate__(self) -> dict[str, Any]:
        """A copy has not run yet: without the last pass's balance loss, whose graph cannot be copied."""
        return {**self.__dict__, "balance": None}

    def _balance(self, x: Tensor, logits: Tensor) -> Tensor:
        """The balance loss; what gates add to the logits counts in it, but gets no gradient from it.

        Else balance, not use, would decide which experts stay: it pushes the gates of little used ones open.
        """
        assert self.router is not None
        plain = functional.linear(x, self.router.weight, self.router.bias)
        return balance_loss(plain + (logits - plain).detach())

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
        members = (Member("", "units", every, every), Member("router", "out", every, every))
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
        self.top_k = min(self.top_k, len(units))
        if len(units) == 1:
            self.router = None
