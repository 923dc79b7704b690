"""Surgery: cutting a model in place, as a plan says or to the units that stay."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from l0gm_edge.core.plan import Dropped, Setting, Slice, Surgery
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Field
from l0gm_edge.gates.blocks import PassThrough
from l0gm_edge.gates.composites import as_composite
from l0gm_edge.gates.layers import resize, spread, stored
from l0gm_edge.gates.layout import Layout, Place
from l0gm_edge.gates.multihead import HeadwiseAttention, make_headwise


def shrink(model: nn.Module, layout: Layout, kept: Tensor) -> None:
    """Keep these units only (0/1, (units,)) of every layer that they run through."""
    perform(model, surgery(model, layout, kept))


def surgery(model: nn.Module, layout: Layout, kept: Tensor) -> Surgery:
    """What keeping these units (0/1, (units,)) does to a model; nothing is done to what goes as a whole."""
    open_units = layout.alive(kept != 0)
    dropped = tuple(
        Dropped(module=site.modules[unit], outputs=site.outputs)
        for site in layout.sites
        if site.kind is SiteKind.BLOCKS
        for unit in _open(open_units[layout.span(site)] == 0)
    )
    gone = tuple(f"{one.module}." for one in dropped)
    return Surgery(
        slices=tuple(one for one in _slices(model, layout, open_units) if not one.module.startswith(gone)),
        settings=tuple(one for one in _settings(layout, open_units) if not f"{one.module}.".startswith(gone)),
        dropped=dropped,
    )


def perform(model: nn.Module, plan: Surgery) -> None:
    """Do what the plan says, in place: every tensor is replaced once by what is left of it, ties are kept.

    The model must have what the plan names.
    """
    cuts: dict[tuple[nn.Module, str], dict[int, list[int]]] = defaultdict(dict)
    attentions: list[nn.MultiheadAttention] = []
    for entry in plan.slices:
        if entry.axis == "units":
            continue
        if entry.axis.isdigit():
            owner, _, name = entry.module.rpartition(".")
            layer = model.get_submodule(owner)
            cuts[layer, name][int(entry.axis)] = list(entry.keep)
            attentions += [layer] if isinstance(layer, nn.MultiheadAttention) else []
            continue
        layer = model.get_submodule(entry.module)
        for one in stored(layer):
            if one.axis == entry.axis:
                cuts[layer, one.name][one.dim] = spread(entry.keep, entry.width, one.times)
        resize(layer, entry.axis, len(entry.keep))
        above = model.get_submodule(entry.module.rpartition(".")[0])
        attentions += [above] if isinstance(above, nn.MultiheadAttention) else []
    _replace(model, cuts)
    for entry in plan.slices:
        if entry.axis == "units":
            composite = as_composite(model.get_submodule(entry.module))
            assert composite is not None
            composite.keep_units(entry.keep)
    for attention in attentions:
        make_headwise(attention)
    for setting in plan.settings:
        _set(model.get_submodule(setting.module), setting.name, setting.value)
    for block in plan.dropped:
        owner, _, name = block.module.rpartition(".")
        setattr(model.get_submodule(owner), name, PassThrough(model.get_submodule(block.module), block.outputs))
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoder) and _is_changed(module):
            module.use_nested_tensor = False  # a nested tensor would take torch's own attention


def parts_of(model: nn.Module, place: Place) -> tuple[Place, ...]:
    """The plain layers' axes, and bare parameters' dimensions, that make up an axis."""
    path, axis = place
    if axis.isdigit() or (composite := as_composite(model.get_submodule(path))) is None:
        return (place,)
    return tuple((f"{path}.{part}" if path else part, inner) for part, inner in composite.parts(axis))


def _slices(model: nn.Module, layout: Layout, open_units: Tensor) -> Iterator[Slice]:
    """What stays of each axis, for plain layers first and then for the units of composite ones."""
    every = torch.cat([open_units, open_units.new_ones(1)])
    for place, entries in layout.axes(model).items():
        keep = _open(every[entries])
        for path, axis in parts_of(model, place):
            yield Slice(module=path, axis=axis, width=len(entries), keep=keep)
    for site in layout.sites:
        for member in site.members:
            if member.axis == "units" and site.kind is not SiteKind.BLOCKS:
                keep = _open(open_units[layout.span(site)])
                yield Slice(module=member.module, axis="units", width=site.width, keep=keep)


def _settings(layout: Layout, open_units: Tensor) -> Iterator[Setting]:
    for site in layout.sites:
        count = int(open_units[layout.span(site)].sum())
        for field in site.fields:
            yield setting(field, count)


def setting(field: Field, units: int) -> Setting:
    """The integer that a field comes to with this many units."""
    return Setting(module=field.module, name=field.name, value=field.per_unit * units)


def _replace(model: nn.Module, cuts: dict[tuple[nn.Module, str], dict[int, list[int]]]) -> None:
    """Put what is left of each tensor into every module that holds it."""
    holders: dict[int, list[tuple[nn.Module, str]]] = defaultdict(list)
    for module in model.modules():
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                holders[id(tensor)].append((module, name))
    wanted: dict[int, tuple[Tensor, dict[int, list[int]]]] = {}
    for (layer, name), keeps in cuts.items():
        tensor = getattr(layer, name)
        wanted.setdefault(id(tensor), (tensor, {}))[1].update(keeps)
    for tensor, keeps in wanted.values():
        left = tensor.detach()
        for dim, keep in keeps.items():
            if len(keep) < left.shape[dim]:
                left = left.index_select(dim, torch.tensor(keep, dtype=torch.long, device=left.device))
        left = left.contiguous().clone() if left.data_ptr() == tensor.data_ptr() else left.contiguous()
        new = nn.Parameter(left, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else left
        for module, name in holders[id(tensor)]:
            setattr(module, name, new)


def _set(module: nn.Module, name: str, value: int) -> None:
    """Set an integer of a module, or of its own copy of a configuration object that it holds."""
    held, _, inner = name.rpartition(".")
    if not held:
        setattr(module, name, value)
        return
    own: Any = copy.copy(getattr(module, held))
    setattr(own, inner, value)
    setattr(module, held, own)


def _is_changed(encoder: nn.TransformerEncoder) -> bool:
    return any(isinstance(inner, HeadwiseAttention | PassThrough) for inner in encoder.modules())


def _open(flags: Tensor) -> tuple[int, ...]:
    return tuple(torch.nonzero(flags).flatten().tolist())
