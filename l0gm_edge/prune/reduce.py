"""Fewer experts in the layers of a model that has been cut: chosen, merged or removed, and proved."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.experts import Experts
from l0gm_edge.core.plan import Exactness, ExpertCut, PrunePlan, SiteCut
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import CLOSED_LOGIT
from l0gm_edge.gates.attach import expert_layers as layer_spans
from l0gm_edge.gates.evaluation import read_by
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.session import Session
from l0gm_edge.gates.size import size_model
from l0gm_edge.models.moe import Expert, MoE
from l0gm_edge.models.views import views
from l0gm_edge.prune import experts as ways
from l0gm_edge.prune.experts import Choice, Seen
from l0gm_edge.prune.merging import merged
from l0gm_edge.prune.prune import Pruned
from l0gm_edge.prune.verify import verify

KEY = "prune.experts"
Gates = Mapping[str, Tensor]
"""The learned scores of the experts of each layer, by its path, in the order of the model before anything was cut."""


@dataclass(frozen=True)
class Reduced:
    """The model with fewer experts, what was done, and how exactly it equals the model whose experts are only closed
    or alike."""

    model: nn.Module
    cuts: tuple[ExpertCut, ...]
    exactness: Exactness


def require_fit(model: nn.Module, settings: Experts) -> None:
    """Raise RecipeError when a model has no experts, or a layer of them cannot be cut so."""
    layers, most = list(expert_layers(model)), ways.plugin(settings.by).MOST
    if not layers:
        raise RecipeError(
            f"{KEY}: the model has no experts", where=type(model).__name__, allowed="layers of l0gm_edge.models.moe.MoE"
        )
    for path, layer in layers:
        count = len(layer.experts)
        try:
            settings.require_within(count, layer.top_k)
        except ValueError as error:
            raise RecipeError(str(error), where=path) from error
        if most is not None and count > most:
            raise RecipeError(
                f"{KEY}.by: '{settings.by}' of {count} experts", where=path, allowed=f"at most {most} experts"
            )


def reduce(
    model: nn.Module, settings: Experts, rows: Mapping[str, Tensor], gates: Gates, real: Mapping[str, Tensor], seed: int
) -> Reduced:
    """A copy of `model` with `settings.keep` experts in every layer of them, chosen on `rows`; the proof is on `real`
    and on random inputs. The model is left as it was."""
    small, closed = copy.deepcopy(model), copy.deepcopy(model)
    cuts = []
    for path, reads in reading(model, rows).items():
        layer = model.get_submodule(path)
        assert isinstance(layer, MoE)
        choice = ways.plugin(settings.by).choose(Seen(layer, reads, gates.get(path), seed), settings.keep)
        averaged = {group: _merged(layer, group, choice) for group in choice.groups if len(group) > 1}
        _regroup(small.get_submodule(path), choice, averaged)
        _close(closed.get_submodule(path), choice, averaged)
        cuts.append(
            ExpertCut(
                module=path,
                numbers=tuple(range(len(layer.experts))),
                groups=choice.groups,
                by=settings.by,
                scores=choice.scores,
                rows=len(next(iter(reads.values()))),
            )
        )
    return Reduced(small, tuple(cuts), verify(closed, small, real, seed))


def reduced(
    pruned: Pruned, settings: Experts, rows: Mapping[str, Tensor], gates: Gates, real: Mapping[str, Tensor], seed: int
) -> Pruned:
    """What pruning left, with fewer experts; see `reduce`. The plan and its proof cover both cuts."""
    left = {_layer_of(cut): cut.keep for cut in pruned.plan.sites if cut.kind is SiteKind.EXPERTS}
    learned = {path: scores[list(left[path])] if path in left else scores for path, scores in gates.items()}
    found = reduce(pruned.model, settings, rows, learned, real, seed)
    cuts = tuple(cut.model_copy(update={"numbers": left.get(cut.module, cut.numbers)}) for cut in found.cuts)
    both = (pruned.exactness, found.exactness)
    worst = {name: max(getattr(one, name) for one in both) for name in ("random_inputs", "real_inputs")}
    plan = pruned.plan.model_copy(
        update={
            "experts": cuts,
            "sites": tuple(_sites(pruned.plan, cuts)),
            "parameters_after": sum(parameter.numel() for parameter in found.model.parameters()),
            "macs_after": _macs(found.model, real),
        }
    )
    return Pruned(found.model, plan, pruned.exactness.model_copy(update=worst))


def learned_scores(session: Session) -> dict[str, Tensor]:
    """What the session's gates have learned of the experts, by layer, in the order before any cut; none without gates
    on them."""
    scores, layout = session.original(session.scores().double()), session.base_layout
    return {path: scores[span] for path, span in layer_spans(layout).items()}


def expert_layers(model: nn.Module) -> Iterator[tuple[str, MoE]]:
    """The layers of several experts, with their paths."""
    for path, layer in model.named_modules():
        if isinstance(layer, MoE) and layer.router is not None:
            yield path, layer


def reading(model: nn.Module, rows: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What every layer of experts reads, (n, features), of each modality alone and of all together, by path."""
    layers = dict(expert_layers(model))
    found: dict[str, dict[str, Tensor]] = {path: {} for path in layers}
    for name, view in views(rows).items():
        for path, read in read_by(layers, model, view).items():
            found[path][name] = read.flatten(0, -2)
    return found


def _merged(layer: MoE, group: ways.Group, choice: Choice) -> Expert:
    members = [one for e in group if isinstance(one := layer.experts[e], Expert)]
    return merged(members, [choice.scores[e] for e in group])


def _regroup(layer: nn.Module, choice: Choice, averaged: Mapping[ways.Group, Expert]) -> None:
    assert isinstance(layer, MoE)
    layer.regroup(choice.groups)
    for place, group in enumerate(choice.groups):
        if group in averaged:
            layer.experts[place].load_state_dict(averaged[group].state_dict())


@torch.no_grad()
def _close(layer: nn.Module, choice: Choice, averaged: Mapping[ways.Group, Expert]) -> None:
    """What the smaller layer must equal: every expert is there, members of a group are alike, the others closed."""
    assert isinstance(layer, MoE)
    assert layer.router is not None
    kept = {expert for group in choice.groups for expert in group}
    for group, expert in averaged.items():
        for member in group:
            layer.experts[member] = copy.deepcopy(expert)
    for expert_number, outputs in enumerate(layer.router_outputs()):
        if expert_number not in kept:
            layer.router.bias[list(outputs)] += CLOSED_LOGIT


def _layer_of(site: SiteCut) -> str:
    return site.site.removesuffix("experts").removesuffix(".")


def _sites(plan: PrunePlan, cuts: tuple[ExpertCut, ...]) -> Iterator[SiteCut]:
    """The gates' sites, without what lay in experts that are gone; and the experts, whether they had gates or not."""
    gone: list[str] = []
    for cut in cuts:
        name = f"{cut.module}.experts" if cut.module else "experts"
        known = next((site for site in plan.sites if site.site == name), None)
        width = known.width if known else len(cut.numbers)
        stays = {expert for group in cut.kept for expert in group}
        gone += [f"{name}.{expert}." for expert in range(width) if expert not in stays]
        opened = tuple(float(expert in stays) for expert in range(width))
        yield SiteCut(
            site=name,
            kind=SiteKind.EXPERTS,
            width=width,
            keep=tuple(sorted(group[0] for group in cut.kept)),
            gate=opened,
            open_probability=known.open_probability if known else opened,
        )
    for site in plan.sites:
        if site.kind is SiteKind.EXPERTS:
            continue
        closed = {"keep": (), "gate": (0.0,) * site.width} if site.site.startswith(tuple(gone)) else {}
        yield site.model_copy(update=closed)


def _macs(model: nn.Module, real: Mapping[str, Tensor]) -> int:
    example = {name: values[:2] for name, values in real.items()}
    layout = Layout.of(survey(model, example).sites)
    return round(float(size_model(model, layout, example).macs(torch.ones(layout.units))))
