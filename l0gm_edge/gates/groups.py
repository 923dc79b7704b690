"""Sites of a torch model, found by tracing it once on example inputs, and what cannot be gated, with the reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Member, Site, Skipped
from l0gm_edge.gates.blocks import block_sites, placed_inside
from l0gm_edge.gates.composites import as_composite
from l0gm_edge.gates.inputs import Example, Inputs
from l0gm_edge.gates.labels import ALWAYS
from l0gm_edge.gates.layers import CONVOLUTIONS, TRANSPOSED
from l0gm_edge.gates.soundness import require_sound
from l0gm_edge.gates.trace import Trace, trace
from l0gm_edge.gates.trial import tried

UNREAD = "no layer reads it"
SINGLE = "a single unit: nothing to choose"


@dataclass(frozen=True)
class Survey:
    """The sites of a model, in the order of its modules, and the layers whose outputs stay, wholly or in part."""

    sites: tuple[Site, ...]
    skipped: tuple[Skipped, ...]


def survey(model: nn.Module, example_inputs: Example | Inputs, interfaces: Collection[str] = ()) -> Survey:
    """Every site of a model, called on the example inputs, and what cannot be gated.

    `interfaces` are paths of layers whose outputs are a modality's classifier-facing interface. Units that no layer
    reads, that reach the model's outputs, or that pass through something that cannot be cut are left out, as are
    sites without whose units the model's own code no longer works. The model is left as it was.
    Raises RefusedInput for a model on several devices or one that gives other outputs each time, and ExportFailed
    when it does not run on these inputs.
    """
    inputs = Inputs.of(example_inputs)
    found = require_sound(model, inputs, lambda: trace(model, inputs))
    order = {path: index for index, (path, _) in enumerate(model.named_modules())}
    inner = [
        _placed(site, path)
        for path, layer in model.named_modules()
        if (composite := as_composite(layer)) is not None
        for site in composite.inner_sites()
    ]
    traced = list(_traced_sites(model, found, interfaces))
    proposed = placed_inside([*traced, *inner, *block_sites(found.blocks)])
    trusted = {site.name for site in inner if not _is_foreign(model, site)}
    sites, failed = tried(model, inputs, proposed, trusted)

    def place(site: Site) -> int:
        return (
            min(order[path] for one in site.members for path in [_owner(one)])
            if site.members
            else order[site.modules[0]]
        )

    names = {site.name for site in sites}
    sites = [site if site.inside and site.inside[0] in names else replace(site, inside=None) for site in sites]
    skipped = [*_stays(found, traced), *_failed(proposed, failed)]
    return Survey(tuple(sorted(sites, key=place)), tuple(sorted(skipped, key=lambda one: order.get(one.module, 0))))


def _owner(member: Member) -> str:
    return member.module.rpartition(".")[0] if member.axis.isdigit() else member.module


def _is_foreign(model: nn.Module, site: Site) -> bool:
    return any(
        member.axis == "units" and isinstance(model.get_submodule(member.module), nn.MultiheadAttention)
        for member in site.members
    )


def _traced_sites(model: nn.Module, found: Trace, interfaces: Collection[str]) -> Iterator[Site]:
    """Units that the same layers give form a site, numbered in the order those layers gave them."""
    names: Counter[str] = Counter()
    heads = _roots(found, found.heads)
    hard = _roots(found, found.hard)
    together = _units_by_producers(found)
    members_of = _members(found, together)
    for producers, roots in together.items():
        unit_of, members = range(len(roots)), members_of[producers]
        read = {
            unit for member in members if member.axis == "in" or _reads_itself(model, member) for unit in member.units
        }
        if len(read) == len(unit_of) > 1:
            whole_heads = heads.issuperset(roots)
            kind = SiteKind.HEADS if whole_heads else _kind(model, producers, members, interfaces)
            name = ".".join(part for part in (producers[0].rpartition(".")[0], "heads") if part)
            name = name if whole_heads else producers[0]
            names[name] += 1
            again = names[name]
            name = name if again == 1 else f"{name}#{again}"
            yield Site(name, kind, len(unit_of), members, hard=not hard.isdisjoint(roots))


def _reads_itself(model: nn.Module, member: Member) -> bool:
    return member.axis == "out" and isinstance(model.get_submodule(member.module), nn.RNNBase)


def _roots(found: Trace, labels: list[Tensor]) -> set[int]:
    return {root for one in labels for root in torch.unique(found.labels.roots(one)).tolist()} - {ALWAYS}


def _units_by_producers(found: Trace) -> dict[tuple[str, ...], list[int]]:
    """Removable units (as roots), by all the layers that give them.

    Keeping units with different givers apart lets every site keep its own least width, so that no layer is cut to
    nothing where a concatenation meets a residual sum.
    """
    givers: dict[int, dict[str, None]] = defaultdict(dict)
    for path, labels in found.given.items():
        for root in found.labels.roots(labels).tolist():
            givers[root][path] = None
    givers.pop(ALWAYS, None)
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for root, paths in givers.items():
        together[tuple(paths)].append(root)
    return together


def _members(found: Trace, together: Mapping[tuple[str, ...], list[int]]) -> dict[tuple[str, ...], tuple[Member, ...]]:
    """What each site touches, by its producers; units are numbered in ascending order of their roots."""
    site_of, unit_of = torch.full((found.labels.count,), -1), torch.zeros(found.labels.count, dtype=torch.int64)
    for number, roots in enumerate(together.values()):
        numbered = torch.tensor(sorted(roots))
        site_of[numbered], unit_of[numbered] = number, torch.arange(len(roots))
    members: list[list[Member]] = [[] for _ in together]
    for (path, axis), labels in found.axes.items():
        roots_here = found.labels.roots(labels)
        sites_here = site_of[roots_here]
        for number in torch.unique(sites_here[sites_here >= 0]).tolist():
            positions = torch.nonzero(sites_here == number).flatten()
            units = unit_of[roots_here[positions]]
            members[number].append(Member(path, axis, tuple(positions.tolist()), tuple(units.tolist())))
    return {producers: tuple(own) for producers, own in zip(together, members, strict=True)}


def _kind(
    model: nn.Module, producers: tuple[str, ...], members: tuple[Member, ...], interfaces: Collection[str]
) -> SiteKind:
    if any(path in interfaces for path in producers):
        return SiteKind.INTERFACE
    if any(isinstance(model.get_submodule(path), CONVOLUTIONS + TRANSPOSED) for path in producers):
        return SiteKind.CHANNELS
    plain = all(
        not member.axis.isdigit() and isinstance(model.get_submodule(member.module), nn.Linear) for member in members
    )
    beside = len({path.rpartition(".")[0] for path in producers}) == 1  # as in a gated feed-forward layer
    return SiteKind.HIDDEN if plain and beside and _apart(members) else SiteKind.WIDTH


def _apart(members: tuple[Member, ...]) -> bool:
    """Whether no layer both reads and gives these units, as in a chain of layers of one width."""
    givers = {member.module for member in members if member.axis == "out"}
    return givers.isdisjoint(member.module for member in members if member.axis == "in")


def _placed(site: Site, path: str) -> Site:
    """The site of a composite layer with paths from the model's root."""

    def full(inner: str) -> str:
        return ".".join(part for part in (path, inner) if part)

    members = tuple(replace(member, module=full(member.module)) for member in site.members)
    inside = (full(site.inside[0]), site.inside[1]) if site.inside else None
    modules = tuple(full(module) for module in site.modules)
    return replace(site, name=full(site.name), members=members, inside=inside, modules=modules)


def _stays(found: Trace, traced: list[Site]) -> Iterator[Skipped]:
    """Layers that give units which make no site, with the reason tracing has on record."""
    held = {
        (member.module, position)
        for site in traced
        for member in site.members
        if member.axis == "out"
        for position in member.positions
    }
    for path, labels in found.given.items():
        reasons: Counter[str] = Counter()
        roots = found.labels.roots(labels).tolist()
        single = SINGLE if len(set(roots)) == 1 else UNREAD
        for position, (label, root) in enumerate(zip(labels.tolist(), roots, strict=True)):
            if (path, position) not in held:
                reasons[found.labels.reason(label) if root == ALWAYS else single] += 1
        yield from (Skipped(path, width, reason) for reason, width in reasons.items())


def _failed(proposed: list[Site], failed: Mapping[str, str]) -> Iterator[Skipped]:
    for site in proposed:
        if site.name in failed:
            module = site.modules[0].rpartition(".")[0] if site.modules else site.members[0].module
            yield Skipped(module, site.width, failed[site.name])
