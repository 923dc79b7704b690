"""What routers say of the tokens that are there, as forward passes go by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from l0gm_edge.models.router import Router
from l0gm_edge.models.routing import ByModality
from l0gm_edge.models.trunk import Trunk


@contextmanager
def recorded(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The logits (tokens, outputs) of every router, by its path, of the last forward pass while the context lasts.

    Tokens that only pad are left out; where there are no tokens, rows count.
    """
    found: dict[str, Tensor] = {}
    present: list[Tensor] = []

    def enter(_trunk: nn.Module, args: tuple[Tensor, Tensor]) -> None:
        present.append(args[1])

    def enter_part(counts: tuple[int, ...], place: int) -> Any:
        def hook(_layer: nn.Module, _args: object) -> None:
            present.append(torch.split(present[-1], list(counts), dim=1)[place])

        return hook

    def leave(_trunk: nn.Module, _args: object, _out: object) -> None:
        present.pop()

    def keep(path: str) -> Any:
        def hook(_router: nn.Module, _args: object, logits: Tensor) -> None:
            found[path] = logits[present[-1].bool()] if present else logits.flatten(0, -2)

        return hook

    handles = []
    for path, layer in model.named_modules():
        if isinstance(layer, Trunk):
            handles += [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]
        elif isinstance(layer, ByModality):
            for place, part in enumerate(layer.values()):
                handles += [
                    part.register_forward_pre_hook(enter_part(layer.counts, place)),
                    part.register_forward_hook(leave),
                ]
        elif isinstance(layer, Router):
            handles.append(layer.register_forward_hook(keep(path)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
