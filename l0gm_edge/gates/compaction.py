"""Physical cuts while training goes on: the model shrinks in place, and the optimiser's state goes along."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from l0gm_edge.core.site import Axis, Member, Site
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.problem import WHOLE
from l0gm_edge.gates.surgery import shrink

Paths = Mapping[str, str]
"""What modules are called after a cut, by what they were called before; those that went are missing."""


def compact(model: nn.Module, layout: Layout, kept: Tensor, optimizer: Optimizer | None) -> Layout:
    """Cut `model` in place to the units `kept` (bool, (units,)), and return the layout of what is left.

    A site of whole modules of which one is left has nothing more to choose and drops out. The parameters of
    `optimizer` become those of the smaller model, with their state cut alike; state of another shape than its
    parameter's is lost, and begins anew.
    """
    carried = _Carried(model, optimizer) if optimizer is not None else None
    modules = dict(model.named_modules(remove_duplicate=False))
    places = {key: _kept_positions(entries, kept) for key, entries in layout.axes(model).items()}
    shrink(model, layout, kept)
    if carried is not None:
        carried.shrink(layout, kept)
        carried.hand_over()
    now = {id(module): path for path, module in model.named_modules(remove_duplicate=False)}
    paths = {path: now[id(module)] for path, module in modules.items() if id(module) in now}
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()  # what was compiled of the model has the sizes it had
    return _remaining(layout, kept, places, paths)


def skeleton(model: nn.Module) -> nn.Module:
    """A copy of the model's architecture, its parameters without values."""
    return _with_parameters(model, {parameter: parameter.detach().to("meta") for parameter in model.parameters()})


class _Carried:
    """An optimiser's state, held in copies of the model in the place of its parameters, so that it is cut with them.

    One copy holds numbers instead: which parameter each one was.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.before = list(model.parameters())
        numbers = {p: torch.full(p.shape, float(i), device=p.device) for i, p in enumerate(self.before)}
        self.origin = _with_parameters(model, numbers)
        names = {name for state in optimizer.state.values() for name, value in state.items() if _is_plain(value)}
        self.plain = {
            name: _with_parameters(
                model, {p: state[name] for p in self.before if _fits(state := optimizer.state.get(p, {}), name, p)}
            )
            for name in sorted(names)
        }

    def shrink(self, layout: Layout, kept: Tensor) -> None:
        """Cut the copies as the model was."""
        for twin in (self.origin, *self.plain.values()):
            shrink(twin, layout, kept)

    def hand_over(self) -> None:
        """Put the smaller model's parameters, with their state, where those that they come from were."""
        origin = dict(self.origin.named_parameters())
        held = {name: dict(twin.named_parameters()) for name, twin in self.plain.items()}
        became: dict[nn.Parameter, nn.Parameter | None] = dict.fromkeys(self.before)
        for path, parameter in self.model.named_parameters():
            old = self.before[round(float(origin[path].detach().flatten()[0]))]
            became[old] = parameter
            state = self.optimizer.state.pop(old, None)
            if state:
                whole = all(_fits(state, name, old) for name, value in state.items() if _is_plain(value))
                cut = {name: held[name][path].detach().clone() for name in held if _fits(state, name, old)}
                same = parameter.shape == old.shape
                if whole or same:
                    self.optimizer.state[parameter] = {**state, **cut}
        for group in self.optimizer.param_groups:
            moved = [became.get(parameter, parameter) for parameter in group["params"]]
            group["params"] = [parameter for parameter in moved if parameter is not None]
        for old, new in became.items():
            if new is None:
                self.optimizer.state.pop(old, None)


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0


def _fits(state: Mapping[str, Any], name: str, parameter: nn.Parameter) -> bool:
    return _is_plain(state.get(name)) and state[name].shape == parameter.shape


def _with_parameters(model: nn.Module, values: Mapping[nn.Parameter, Tensor]) -> nn.Module:
    """A copy of the model that holds these tensors for parameters, and shares those of its own it has no other for."""
    memo: dict[int, Any] = {id(p): nn.Parameter(values.get(p, p.detach()), p.requires_grad) for p in model.parameters()}
    return copy.deepcopy(model, memo)


def _kept_positions(entries: Tensor, kept: Tensor) -> dict[int, int]:
    """New positions on an axis by old ones, for those that stay."""
    stays = torch.cat([kept, kept.new_ones(1)])[entries]
    return {old: new for new, old in enumerate(torch.nonzero(stays).flatten().tolist())}


def _remaining(layout: Layout, kept: Tensor, places: Mapping[tuple[str, Axis], dict[int, int]], paths: Paths) -> Layout:
    """The sites of the smaller model, under the names they had."""
    units = {
        site.name: {old: new for new, old in enumerate(torch.nonzero(kept[layout.span(site)]).flatten().tolist())}
        for site in layout.sites
    }
    gated = {site.name for site in layout.sites if len(units[site.name]) > (site.kind in WHOLE)}
    return Layout.of([_smaller(site, units, gated, places, paths) for site in layout.sites if site.name in gated])


def _smaller(
    site: Site,
    units: Mapping[str, dict[int, int]],
    gated: set[str],
    places: Mapping[tuple[str, Axis], dict[int, int]],
    paths: Paths,
) -> Site:
    own = units[site.name]
    members = []
    for member in site.members:
        path = _path(member.module, paths)
        if path is not None:
            members.append(_smaller_member(member, path, own, places.get((member.module, member.axis))))
    inside = None
    if site.inside is not None and (site.inside[0] in gated or site.inside[0] not in units):
        outer, unit = site.inside
        inside = (outer, units[outer][unit] if outer in units else unit)
    return replace(
        site,
        width=len(own),
        members=tuple(members),
        inside=inside,
        modules=tuple(path for unit in own if site.modules and (path := _path(site.modules[unit], paths)) is not None),
        fields=tuple(
            replace(one, module=path) for one in site.fields if (path := _path(one.module, paths)) is not None
        ),
    )


def _smaller_member(member: Member, path: str, own: Mapping[int, int], place: Mapping[int, int] | None) -> Member:
    stay = [(at, unit) for at, unit in zip(member.positions, member.units, strict=True) if unit in own]
    positions = tuple(own[unit] if place is None else place[at] for at, unit in stay)
    return replace(member, module=path, positions=positions, units=tuple(own[unit] for _, unit in stay))


def _path(path: str, paths: Paths) -> str | None:
    """The new path of a module or of a bare parameter; None when it went."""
    if path in paths:
        return paths[path]
    owner, _, name = path.rpartition(".")
    found = paths.get(owner)
    return None if found is None or not name else ".".join(part for part in (found, name) if part)
