"""Gates on a model: every layer that reads a site sees its input multiplied by the site's gates.

Gating what the consumers read, not what the producers write, leaves everything channel-wise in between (batch
normalisation, biases, activations, depthwise convolutions, pooling, concatenation) untouched, so that a closed unit
contributes exactly what a removed one does: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.rowwise import RowWise
from l0gm_edge.core.site import CLOSED_LOGIT, Axis, ReadsSeveral
from l0gm_edge.gates import gated
from l0gm_edge.gates.blocks import first_output, first_tensor
from l0gm_edge.gates.layers import CONVOLUTIONS, RECURRENT, TRANSPOSED, is_rms_norm
from l0gm_edge.gates.layout import Layout, Place
from l0gm_edge.gates.multihead import Gate, attend, split_fast_paths
from l0gm_edge.gates.norms import group_norm, layer_norm, rms_norm
from l0gm_edge.gates.values import GateSource, Values

__all__ = ["GateSource", "Gating"]
SIDES: tuple[Axis, Axis] = ("in", "out")


class Gating:
    """A flat gate vector at work on a model, drawn from `source` once a forward pass. The model's own parameters and
    state dict stay as they are; `remove` takes the gates off again."""

    def __init__(self, model: nn.Module, layout: Layout, source: GateSource) -> None:
        self.source = source
        self._values = Values(layout.units)
        self._handles: list[RemovableHandle] = [model.register_forward_pre_hook(self._draw, with_kwargs=True)]
        self._replaced: list[tuple[nn.Module, Any]] = []
        self._undo: list[Callable[[], None]] = [split_fast_paths(model)]
        axes, routers = layout.axes(model), router_paths(layout)
        for place in axes:
            if not place[1].isdigit():
                self._gate(model, place, axes, routers)
        for path, span in expert_layers(layout).items():
            self._handles.append(model.get_submodule(path).register_forward_hook(partial(self._gate_whole, span)))
        for path, entry in layout.blocks().items():
            hook = partial(self._gate_block, entry)
            self._handles.append(model.get_submodule(path).register_forward_hook(hook, with_kwargs=True))

    def remove(self) -> None:
        """Take every gate off; the model computes again what it would without gates."""
        for handle in self._handles:
            handle.remove()
        while self._replaced:
            module, own = self._replaced.pop()
            if own is None:
                del module.forward
            else:
                module.forward = own
        while self._undo:
            self._undo.pop()()

    def _gate(self, model: nn.Module, place: Place, axes: dict[Place, Tensor], routers: set[str]) -> None:
        path, axis = place
        module, owner = model.get_submodule(path), path.rpartition(".")[0]
        if isinstance(module, nn.MultiheadAttention):
            self._gate_heads(module, path, axes)
        elif isinstance(above := model.get_submodule(owner), nn.MultiheadAttention):
            self._gate_heads(above, owner, axes)
        elif isinstance(module, RECURRENT):
            read, hidden = (self._gate_of(axes, (path, side)) for side in SIDES)
            self._replace(module, gated.recurrent, module, module.forward, read=read, hidden=hidden)
        elif axis == "in":
            self._gate_read(module, self._values.gate(axes[place]))
        elif path in routers:
            hook = partial(self._gate_logits, self._values.gate(axes[place]))
            self._handles.append(module.register_forward_hook(hook))
        elif (norm := norm_over_open(module)) is not None:
            self._replace(module, _masked, norm, module, self._values.mask(axes[place]))

    def _gate_heads(self, module: nn.MultiheadAttention, path: str, axes: dict[Place, Tensor]) -> None:
        heads = self._gate_of(axes, (f"{path}.out_proj" if path else "out_proj", "in"))
        self._replace(module, attend, module, read=self._gate_of(axes, (path, "in")), heads=heads)

    def _gate_read(self, module: nn.Module, gate: Gate) -> None:
        """What the module reads, times the gate: within its own sum where that is plain, which saves a pass."""
        plain = gated.plain_forward(module)
        if plain and isinstance(module, nn.Linear):
            self._replace(module, gated.linear, module, gate)
        elif plain and isinstance(module, CONVOLUTIONS):
            self._replace(module, gated.convolution, module, gate)
        else:
            several = module.inputs if isinstance(module, ReadsSeveral) else 1
            hook = partial(self._gate_inputs, gate, several)
            self._handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def _gate_of(self, axes: dict[Place, Tensor], place: Place) -> Gate | None:
        return self._values.gate(axes[place]) if place in axes else None

    def _replace(self, module: nn.Module, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Put another forward pass in the place of a module's, once."""
        if not any(module is done for done, _ in self._replaced):
            self._replaced.append((module, module.__dict__.get("forward")))
            how = RowWise if forward is gated.linear else partial
            module.forward = how(forward, *args, **kwargs)

    def _draw(self, model: nn.Module, _args: object, _kwargs: object) -> None:
        self._values.draw(self.source(model.training))

    @staticmethod
    def _gate_inputs(
        gate: Callable[[Tensor], Tensor],
        several: int,
        module: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Gate the first tensors that the module is called with."""

        def gated_tensor(x: Tensor) -> Tensor:
            spatial = len(module.kernel_size) if isinstance(module, CONVOLUTIONS + TRANSPOSED) else 0
            return x * gate(x).view(-1, *[1] * spatial)

        left = max(0, several - len(args))
        named = [name for name, value in kwargs.items() if isinstance(value, Tensor)][:left]
        first = map(gated_tensor, args[:several])
        return (*first, *args[several:]), kwargs | {name: gated_tensor(kwargs[name]) for name in named}

    @staticmethod
    def _gate_logits(gate: Callable[[Tensor], Tensor], _module: nn.Module, _args: object, logits: Tensor) -> Tensor:
        return logits + gate_logit(gate(logits))

    def _gate_whole(self, span: slice, _module: nn.Module, _args: object, out: Tensor) -> Tensor:
        return out * self._values.flat[span].max().to(out.dtype)

    def _gate_block(self, entry: int, _block: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
        before, after = first_tensor(args, kwargs), first_output(out)
        assert before is not None
        assert after is not None
        first = gated.blend(before, after, self._values.flat[entry].to(after.dtype))
        return (first, *out[1:]) if isinstance(out, tuple) else first


Norm = Callable[[Tensor, Any, Tensor], Tensor]


def norm_over_open(module: nn.Module) -> Norm | None:
    """How this module normalises where statistics must leave closed units out; None where they mix no units."""
    if isinstance(module, nn.LayerNorm):
        return layer_norm
    if is_rms_norm(module):
        return rms_norm
    return group_norm if isinstance(module, nn.GroupNorm) and module.num_groups == 1 else None


def _masked(how: Norm, norm: nn.Module, is_open: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return how(x, norm, is_open(x))


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
