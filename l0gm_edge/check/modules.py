"""The first torch module that a compiled file computes differently: where to look when the file itself is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor as Values
from torch import nn

from l0gm_edge.check.divergence import relative_error
from l0gm_edge.check.tensors import Floats, Tensor

FUSED = 2
"""Modules that a file may compute together with the one before them, as a convolution, its norm and activation."""


def outputs(network: nn.Module, inputs: Mapping[str, np.ndarray]) -> dict[str, Floats]:
    """What each innermost module gave to each row when it was last called, (n, 1, ...), in the order of computing.

    `inputs[name]` is (n, *shape). The network is run as it is, in evaluation mode or not.
    """
    found: dict[str, list[Floats]] = {}

    def keep(name: str, given: object) -> None:
        if isinstance(given, Values) and given.dtype is torch.float32:
            found.setdefault(name, []).append(given.detach().numpy().copy())

    hooks = [
        module.register_forward_hook(lambda _module, _inputs, given, name=name: keep(name, given))
        for name, module in network.named_modules()
        if not any(True for _ in module.children())
    ]
    rows: list[dict[str, Floats]] = []
    try:
        for row in range(len(next(iter(inputs.values())))):
            found.clear()
            with torch.no_grad():
                network(**{name: torch.from_numpy(values[row : row + 1]) for name, values in inputs.items()})
            rows.append({name: calls[-1] for name, calls in found.items()})
    finally:
        for hook in hooks:
            hook.remove()
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def first_apart(modules: Mapping[str, Floats], tensors: Mapping[str, Tensor], limit: float) -> str | None:
    """The first module of which the file has a tensor that is neither its output nor that of what may be fused to it.

    Tensors belong to the module that their layer is named after; channels may come first or last. Where the modules
    before it in its block left no tensor of their own, it is named with them: `body.0 to body.1`.
    """
    names, without = list(modules), list[str]()
    owned: dict[str, list[Floats]] = {name: [] for name in names}
    for tensor in tensors.values():
        owned[_owner(tensor, owned)].append(tensor.values)
    for position, name in enumerate(names):
        together = [modules[one] for one in names[position : position + 1 + FUSED]]
        candidates = [(ours, wanted) for ours in owned[name] for wanted in together if ours.size == wanted.size]
        if not candidates:
            without.append(name)
            continue
        if all(_apart(*pair) > limit for pair in candidates):
            first = next((one for one in without if _block(one) == _block(name)), name)
            return name if first == name else f"{first} to {name}"
        without.clear()
    return None


def _owner(tensor: Tensor, modules: Mapping[str, object]) -> str:
    """The module that a tensor is called after; the last one where it is none, as of a model's outputs."""
    named = tensor.layer.partition("#")[0].partition("/")[0]  # of `image.body.0/Add#2`
    return named if named in modules else list(modules)[-1]


def _block(module: str) -> str:
    return module.rpartition(".")[0]


def _apart(found: Floats, wanted: Floats) -> float:
    """How far they are apart in the nearer of both layouts."""
    rows = len(wanted)
    layouts = [wanted.reshape(rows, -1)]
    if wanted.ndim > 3:
        layouts.append(np.moveaxis(wanted, 2, -1).reshape(rows, -1))
    return min(relative_error(found.reshape(rows, -1), one) for one in layouts)
