"""Integers that a module's own code computes with, such as `num_heads`: which may have to change with a site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor, nn

from l0gm_edge.core.site import Field, Site
from l0gm_edge.gates.layers import can_be_cut

HEAD_COUNTS = frozenset(
    ["num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "heads", "num_key_value_heads", "all_head_size"]
)


class Kind(NamedTuple):
    """A class of modules, the name of an integer in them, and whether it counts units or the positions they take."""

    owner: str
    name: str
    counts_units: bool


def numbers(model: nn.Module, site: Site) -> tuple[Kind, ...]:
    """Kinds of integers that may follow the site's width, those of the nearest modules first."""
    return tuple(dict.fromkeys(kind for kind, _ in _found(model, site)))


def of_kind(model: nn.Module, site: Site, kinds: Sequence[Kind]) -> Site:
    """The site with the fields of these kinds that its own modules hold."""
    return replace(site, fields=tuple(field for kind, field in _found(model, site) if kind in kinds))


def known_fields(model: nn.Module, site: Site) -> tuple[Field, ...]:
    """The site's fields, and the numbers of heads that the modules around its members hold."""
    near = {member.module.rpartition(".")[0] for member in site.members if not member.axis.isdigit()}
    counts = [field for _, field in _found(model, site) if field.name in HEAD_COUNTS and field.module in near]
    return tuple(dict.fromkeys((*site.fields, *counts)))


def _found(model: nn.Module, site: Site) -> Iterator[tuple[Kind, Field]]:
    widths = {site.width * times: times for times in _per_unit(site)}
    paths = dict.fromkeys(
        above for length in range(64) for member in site.members if (above := _above(member.module, length)) is not None
    )
    for path in paths:
        module = model.get_submodule(path)
        if can_be_cut(module):
            continue
        for name, value in _integers(module):
            if value in widths:
                yield Kind(type(module).__name__, name, widths[value] == 1), Field(path, name, widths[value])


def _per_unit(site: Site) -> list[int]:
    """How many positions a unit has on an axis: of a head, its width; times any sub-multiple's neighbours."""
    counts = {len(member.positions) // site.width for member in site.members if member.axis != "units"}
    return sorted({1, *counts}, reverse=True)


def _above(path: str, length: int) -> str | None:
    """The path `length + 1` steps up; None above the root."""
    parts = path.split(".")
    return ".".join(parts[: -length - 1]) if length < len(parts) else None


def _integers(module: nn.Module) -> Iterator[tuple[str, int]]:
    for name, value in vars(module).items():
        if type(value) is int and value > 1:
            yield name, value
        elif _is_configuration(name, value):
            for inner, number in vars(value).items():
                if type(number) is int and number > 1:
                    yield f"{name}.{inner}", number


def _is_configuration(name: str, value: Any) -> bool:
    plain = hasattr(value, "__dict__") and not isinstance(value, nn.Module | Tensor | type)
    return plain and not name.startswith("_") and not callable(value)
