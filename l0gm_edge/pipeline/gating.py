"""Gates on a recipe's model: of which kinds of site, and to what multiples their widths are rounded."""

from __future__ import annotations

from torch import nn

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.recipe import Gates, Recipe, SiteKind
from l0gm_edge.cost.latency import Latency
from l0gm_edge.gates.session import Session
from l0gm_edge.learn.batches import tensors
from l0gm_edge.models import fusion
from l0gm_edge.pipeline.context import Context
from l0gm_edge.prune import experts
from l0gm_edge.prune import prune as pruning


def channel_multiple(context: Context) -> ChannelMultiple:
    """The multiples that the cut's widths are rounded to."""
    return context.hardware.channel_multiple if context.recipe.prune.round_widths else ChannelMultiple()


def attach(
    recipe: Recipe, model: nn.Module, data: Dataset, multiple: ChannelMultiple, latency: Latency | None = None
) -> Session:
    """Gates on the recipe's model, whose widths are rounded to these multiples; a target in ms needs `latency`."""
    example, _ = tensors(data.train.take(slice(0, 2)))
    return Session(model, example, gates_of(recipe), pruning.multiples(multiple), interfaces(model), latency)


def gates_of(recipe: Recipe) -> Gates:
    """The recipe's gates: not on experts where `prune.experts` chooses these without, else leaving it enough of them.

    Raises RecipeError where nothing else is gated.
    """
    fewer, gates = recipe.prune.experts, recipe.gates
    if fewer is None:
        return gates
    if experts.plugin(fewer.by).LEARNED:
        if SiteKind.EXPERTS not in gates.sites:
            raise RecipeError(
                f"prune.experts.by: '{fewer.by}' needs gates on experts",
                where=f"recipe {recipe.name}",
                allowed="experts among gates.sites",
            )
        return gates.model_copy(update={"min_experts": max(gates.min_experts, fewer.keep)})
    sites = tuple(kind for kind in gates.sites if kind is not SiteKind.EXPERTS)
    if not sites:
        raise RecipeError(
            f"gates.sites: experts alone, which prune.experts chooses by '{fewer.by}'",
            where=f"recipe {recipe.name}",
            allowed="other sites to gate, or prune.experts.by: gate",
        )
    return gates.model_copy(update={"sites": sites})


def require_cut_alike(recipe: Recipe, session: Session) -> None:
    """Refuse relations across modules of which a cut would take units apart. Raises RecipeError."""
    relations = recipe.distill.relations if recipe.distill is not None else None
    sites = session.base_layout.sites
    held = {
        path: frozenset(site.name for site in sites for one in site.members if (one.module, one.axis) == (path, "out"))
        for path in (relations.paths if relations is not None else ())
    }
    if len(set(held.values())) > 1:
        raise RecipeError(
            "distill.relations.at: a cut takes units from one of these modules and not from the other",
            where=", ".join(held),
            allowed="one module, or several that are cut alike, as interfaces are with model.fusion: shared",
        )


def interfaces(model: nn.Module) -> tuple[str, ...]:
    """Paths of the layers that give what the classifier reads; none in a network that is not ours."""
    return tuple(model.interface_layers()) if isinstance(model, fusion.Network) else ()
