"""Gates on a model: every layer that reads a site sees its input multiplied by the site's gates.

Gating what the consumers read, not what the producers write, leaves everything channel-wise in between (batch
normalisation, biases, activations, depthwise convolutions, pooling, concatenation) untouched, so that a closed unit
contributes exactly what a removed one does: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import CLOSED_LOGIT
from l0gm_edge.gates.layers import CONVOLUTIONS
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.norms import layer_norm

GateSource = Callable[[bool], Tensor]
"""Gives the flat gate vector of one forward pass; the argument says whether the model is training."""


class Gating:
    """Hooks that apply a flat gate vector to a model, drawn from `source` once a forward pass. The model's own
    parameters and state dict stay as they are; `remove` takes the hooks off again."""

    def __init__(self, model: nn.Module, layout: Layout, source: GateSource) -> None:
        self.source = source
        self._values = torch.ones(layout.units + 1)
        self._handles: list[RemovableHandle] = [model.register_forward_pre_hook(self._draw, with_kwargs=True)]
        self._norms: list[nn.LayerNorm] = []
        routers = router_paths(layout)
        for (path, axis), entries in layout.axes(model).items():
            module = model.get_submodule(path)
            if axis == "in":
                self._handles.append(module.register_forward_pre_hook(partial(self._gate_input, entries)))
            elif path in routers:
                self._handles.append(module.register_forward_hook(partial(self._gate_logits, entries)))
            elif isinstance(module, nn.LayerNorm):
                module.forward = partial(self._normalise, module, entries)  # type: ignore[method-assign]
                self._norms.append(module)
        for path, span in expert_layers(layout).items():
            self._handles.append(model.get_submodule(path).register_forward_hook(partial(self._gate_whole, span)))

    def remove(self) -> None:
        """Take every hook off; the model computes again what it would without gates."""
        for handle in self._handles:
            handle.remove()
        while self._norms:
            del self._norms.pop().forward

    def _draw(self, model: nn.Module, _args: object, _kwargs: object) -> None:
        gates = self.source(model.training)
        self._values = torch.cat([gates, gates.new_ones(1)])

    def _gate_input(self, entries: Tensor, module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *rest = args
        gates = self._values[entries]
        if isinstance(module, CONVOLUTIONS):
            gates = gates.view(-1, *[1] * len(module.kernel_size))
        return (x * gates, *rest)

    def _gate_logits(self, entries: Tensor, _module: nn.Module, _args: object, logits: Tensor) -> Tensor:
        return logits + gate_logit(self._values[entries])

    def _gate_whole(self, span: slice, _module: nn.Module, _args: object, out: Tensor) -> Tensor:
        return out * self._values[span].max()

    def _normalise(self, norm: nn.LayerNorm, entries: Tensor, x: Tensor) -> Tensor:
        return layer_norm(x, norm, (self._values[entries] > 0).to(x.dtype))


def gate_logit(gates: Tensor) -> Tensor:
    """What an expert's gate adds to its router logit: log z, so that routing weights are proportional to z."""
    return torch.where(gates > 0, gates.clamp_min(1e-30).log(), gates.new_tensor(CLOSED_LOGIT))


def expert_layers(layout: Layout) -> dict[str, slice]:
    """Paths of the layers made of whole experts, with the experts' entries.

    Routing weights add up to one whatever the gates, so such a layer is multiplied by the widest open of them as well:
    when all are closed it gives nothing.
    """
    return {
        member.module: layout.span(site)
        for site in layout.sites
        if site.kind is SiteKind.EXPERTS
        for member in site.members
        if member.axis == "units"
    }


def router_paths(layout: Layout) -> set[str]:
    """Paths of the routers whose logits a site of whole experts gates."""
    return {
        member.module
        for site in layout.sites
        if site.kind is SiteKind.EXPERTS
        for member in site.members
        if member.axis == "out"
    }
