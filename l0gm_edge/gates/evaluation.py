"""A look at a model in evaluation mode that leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every module's own mode is restored afterwards."""
    were_training = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            model.eval()
            yield
    finally:
        for module, training in were_training.items():
            module.training = training


def read_by(layers: Mapping[str, nn.Module], model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What each layer of the model reads first in one pass, by path; a layer that does not run is left out."""
    found: dict[str, Tensor] = {}

    def keep(path: str, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        found[path] = args[0]

    with ExitStack() as hooks, evaluating(model):
        for path, layer in layers.items():
            hooks.enter_context(layer.register_forward_pre_hook(partial(keep, path)))
        model(**inputs)
    return found
