"""Which parts of a network learn: the others are frozen, and compute as they will when deployed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from torch import nn

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.phases import EVERYTHING, Part
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.router import Router


def parameters(model: nn.Module) -> dict[Part, list[nn.Parameter]]:
    """The parameters of each part; of a network that is not ours all are its body."""
    routers = {id(one) for layer in model.modules() if isinstance(layer, Router) for one in layer.parameters()}
    head = {id(one) for one in model.head.parameters()} if isinstance(model, Network) else set()
    found: dict[Part, list[nn.Parameter]] = {part: [] for part in Part}
    for one in model.parameters():
        part = Part.ROUTERS if id(one) in routers else Part.HEAD if id(one) in head else Part.BODY
        found[part].append(one)
    return found


def require_some(model: nn.Module, trains: Collection[Part], where: str) -> None:
    """Raise RecipeError when a part that is to learn has no parameters."""
    missing = [part for part in trains if not parameters(model)[part]] if set(trains) != set(EVERYTHING) else []
    if missing:
        raise RecipeError(
            f"{where}: the model has no {', '.join(missing)} to train",
            where=type(model).__name__,
            allowed=", ".join(part for part, found in parameters(model).items() if found),
        )


@contextmanager
def learning(model: nn.Module, trains: Collection[Part]) -> Iterator[None]:
    """Within the context only these parts learn; where the body does not, the model stays in evaluation mode, so that
    neither dropout nor running statistics of frozen layers have a say. All parts can learn again afterwards."""
    model.train(Part.BODY in trains)
    for part, found in parameters(model).items():
        for one in found:
            one.requires_grad_(part in trains)
    try:
        yield
    finally:
        model.requires_grad_(requires_grad=True)
