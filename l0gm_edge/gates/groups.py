"""Sites of a torch model, found by tracing it once on example inputs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from torch import Tensor, nn

from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Composite, Member, Site
from l0gm_edge.gates.labels import ALWAYS
from l0gm_edge.gates.layers import CONVOLUTIONS
from l0gm_edge.gates.trace import Trace, trace
from l0gm_edge.gates.trial import survives


def find_sites(
    model: nn.Module, example_inputs: Mapping[str, Tensor], interfaces: Collection[str] = ()
) -> tuple[Site, ...]:
    """Every site of a model called as `model(**example_inputs)`, in the order of its modules.

    `interfaces` are paths of layers whose outputs are a modality's classifier-facing interface. Units that no layer
    reads, that reach the model's outputs, or that pass through something that cannot be cut are left out, as are
    sites without whose units the model's own code no longer works.
    Raises ExportFailed when the model does not run on these inputs.
    """
    try:
        found = trace(model, example_inputs)
    except Exception as error:  # whatever the model's own code raises
        raise ExportFailed(
            f"the model does not run on the example inputs: {type(error).__name__}: {error}",
            where=type(model).__name__,
            todo="call the model once with the same inputs, in evaluation mode, and mend what it says",
        ) from error
    order = {path: index for index, (path, _) in enumerate(model.named_modules())}
    inner = [
        _placed(site, path)
        for path, layer in model.named_modules()
        if isinstance(layer, Composite)
        for site in layer.inner_sites()
    ]
    traced = [site for site in _traced_sites(model, found, interfaces) if survives(model, example_inputs, site)]
    sites = [*traced, *inner]
    return tuple(sorted(sites, key=lambda site: min(order[member.module] for member in site.members)))


def _traced_sites(model: nn.Module, found: Trace, interfaces: Collection[str]) -> Iterator[Site]:
    """Units that the same layers give form a site, numbered in the order those layers gave them."""
    names: Counter[str] = Counter()
    for producers, roots in _units_by_producers(found).items():
        unit_of = {root: unit for unit, root in enumerate(sorted(roots))}
        members = tuple(_members(found, unit_of))
        read = {unit for member in members if member.axis == "in" for unit in member.units}
        if len(read) == len(unit_of):
            names[producers[0]] += 1
            again = names[producers[0]]
            name = producers[0] if again == 1 else f"{producers[0]}#{again}"
            yield Site(name, _kind(model, producers, members, interfaces), len(unit_of), members)


def _units_by_producers(found: Trace) -> dict[tuple[str, ...], list[int]]:
    """Removable units (as roots), by all the layers that give them.

    Keeping units with different givers apart lets every site keep its own least width, so that no layer is cut to
    nothing where a concatenation meets a residual sum.
    """
    givers: dict[int, dict[str, None]] = defaultdict(dict)
    for path, labels in found.given.items():
        for label in labels.tolist():
            givers[found.labels.root(label)][path] = None
    givers.pop(ALWAYS, None)
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for root, paths in givers.items():
        together[tuple(paths)].append(root)
    return together


def _members(found: Trace, unit_of: Mapping[int, int]) -> Iterator[Member]:
    for (path, axis), labels in found.axes.items():
        units = [unit_of.get(found.labels.root(label)) for label in labels.tolist()]
        placed = [(position, unit) for position, unit in enumerate(units) if unit is not None]
        if placed:
            positions, its_units = zip(*placed, strict=True)
            yield Member(path, axis, positions, its_units)


def _kind(
    model: nn.Module, producers: tuple[str, ...], members: tuple[Member, ...], interfaces: Collection[str]
) -> SiteKind:
    if any(path in interfaces for path in producers):
        return SiteKind.INTERFACE
    if any(isinstance(model.get_submodule(path), CONVOLUTIONS) for path in producers):
        return SiteKind.CHANNELS
    plain = all(isinstance(model.get_submodule(member.module), nn.Linear) for member in members)
    return SiteKind.HIDDEN if plain and len(producers) == 1 else SiteKind.WIDTH


def _placed(site: Site, path: str) -> Site:
    """The site of a composite layer with paths from the model's root."""

    def full(inner: str) -> str:
        return ".".join(part for part in (path, inner) if part)

    members = tuple(replace(member, module=full(member.module)) for member in site.members)
    inside = (full(site.inside[0]), site.inside[1]) if site.inside else None
    modules = tuple(full(module) for module in site.modules)
    return replace(site, name=full(site.name), members=members, inside=inside, modules=modules)
