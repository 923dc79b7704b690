"""What routers say of the tokens that are there, as a forward pass goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from l0gm_edge.models.fusion import Network
from l0gm_edge.models.router import Router


@contextmanager
def recorded(model: nn.Module, inputs: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The logits (tokens, outputs) of every router, by the path of its layer, once a pass over these inputs is done.

    Tokens that only pad are left out; where there are no tokens, rows count.
    """
    found: dict[str, Tensor] = {}

    def keep(path: str, _router: nn.Module, _args: object, logits: Tensor) -> None:
        tokens = model.tokens_of(path, inputs) if isinstance(model, Network) else {}
        present = torch.stack(list(tokens.values())).sum(0) if tokens else logits.new_ones(logits.shape[:-1])
        found[path] = logits[present > 0]

    handles = [
        layer.register_forward_hook(partial(keep, path.removesuffix("router").removesuffix(".")))
        for path, layer in model.named_modules()
        if isinstance(layer, Router)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
