"""Tracing: run the model once, and carry along which unit every element of every activation belongs to.

Layers that can be cut give fresh labels and read others; between layers, operations carry the labels on, tie them
together, or freeze what they touch where they are not known to keep units apart (`operations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from l0gm_edge.gates.activations import Activations, Call, tensors
from l0gm_edge.gates.blocks import candidates, first_output, first_tensor
from l0gm_edge.gates.composites import as_composite
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.inputs import Inputs
from l0gm_edge.gates.labels import Labels
from l0gm_edge.gates.layers import can_be_cut
from l0gm_edge.gates.layout import Place
from l0gm_edge.gates.multihead import layer_by_layer
from l0gm_edge.gates.operations import pass_through
from l0gm_edge.gates.reading import Reader
from l0gm_edge.gates.ties import settle_bare, tie_shared

OUTPUT = "reaches the model's output"


@dataclass
class Trace:
    """What a run found: per place the label of each position, the labels that layers gave, the modules that could be
    residual blocks with the number of values that each gives, and what came out."""

    labels: Labels = field(default_factory=Labels)
    axes: dict[Place, Tensor] = field(default_factory=dict)
    given: dict[str, Tensor] = field(default_factory=dict)
    heads: list[Tensor] = field(default_factory=list)
    blocks: dict[str, int] = field(default_factory=dict)
    hard: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)


def trace(model: nn.Module, inputs: Inputs) -> Trace:
    """Run the model once in evaluation mode and gather its labels; the model is left as it was."""
    known = Activations(Labels(), _bare_tensors(model))
    reader = Reader(known)
    blocks: dict[str, tuple[Tensor, Tensor, int] | None] = {}
    mode = _Mode(known)
    with evaluating(model), layer_by_layer(model), _watched(model, known, reader, mode, blocks), mode:
        outputs = inputs.call(model)
    found = Trace(known.labels, reader.axes, reader.given, known.heads, outputs=list(tensors(outputs)))
    for tensor in found.outputs:
        known.labels.freeze(known.labels_of(tensor), OUTPUT)
    found.hard = tie_shared(model, found.axes, known)
    found.axes.update(settle_bare(known))
    found.blocks = {path: seen[2] for path, seen in blocks.items() if seen is not None and _same_units(known, *seen)}
    return found


class _Mode(TorchFunctionMode):
    """Sees every torch function between layers."""

    def __init__(self, known: Activations) -> None:
        super().__init__()
        self.known = known
        self.inside_layer = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        result = func(*args, **kwargs)
        if self.inside_layer:
            return result
        if getattr(func, "__name__", "") == "__iter__":
            parts = args[0].unbind(0)
            pass_through(self.known, Call(Tensor.unbind, (args[0], 0), {}, parts))
            return iter(parts)
        pass_through(self.known, Call(func, args, kwargs, tuple(tensors(result))))
        return result


@contextmanager
def _watched(
    model: nn.Module,
    known: Activations,
    reader: Reader,
    mode: _Mode,
    blocks: dict[str, tuple[Tensor, Tensor, int] | None],
) -> Iterator[None]:
    """Let layers label what they give and record what they read, and modules say where the run is, for a while."""
    with ExitStack() as restore:
        inside: set[nn.Module] = set()
        possible = set(candidates(model))
        for path, layer in model.named_modules():
            if layer in inside:
                continue
            composite = as_composite(layer)
            if composite is not None or can_be_cut(layer):
                if composite is not None:
                    inside.update(layer.modules())
                restore.callback(_restore_forward, layer, layer.__dict__.get("forward"))
                layer.forward = partial(_run_layer, path, layer, layer.forward, reader, mode)
                continue
            enter = layer.register_forward_pre_hook(partial(_enter, path, known))
            restore.callback(enter.remove)
            leave = layer.register_forward_hook(
                partial(_leave, path, known, blocks, path in possible), with_kwargs=True
            )
            restore.callback(leave.remove)
        yield


def _enter(path: str, known: Activations, *_: object) -> None:
    known.place = path


def _leave(
    path: str,
    known: Activations,
    blocks: dict[str, tuple[Tensor, Tensor, int] | None],
    is_block: bool,
    _module: nn.Module,
    args: Any,
    kwargs: Any,
    out: Any,
) -> None:
    known.place = path.rpartition(".")[0]
    if is_block:
        before, after = first_tensor(args, kwargs), first_output(out)
        plain = isinstance(out, Tensor) or type(out) is tuple
        if path in blocks or before is None or after is None or before.shape != after.shape or not plain:
            blocks[path] = None
        else:
            outputs = 0 if isinstance(out, Tensor) else len(out)
            blocks[path] = known.labels_of(before), known.labels_of(after), outputs


def _restore_forward(layer: nn.Module, own: Any) -> None:
    if own is None:
        del layer.forward
    else:
        layer.forward = own


def _run_layer(
    path: str, layer: nn.Module, forward: Callable[..., Any], reader: Reader, mode: _Mode, *args: Any, **kwargs: Any
) -> Any:
    already, mode.inside_layer = mode.inside_layer, True
    try:
        out = forward(*args, **kwargs)
    finally:
        mode.inside_layer = already
    if not already:
        with torch.overrides.BaseTorchFunctionMode():
            reader.pass_layer(path, layer, args, kwargs, out)
    return out


def _same_units(known: Activations, before: Tensor, after: Tensor, _outputs: int) -> bool:
    one, other = known.labels.roots(before), known.labels.roots(after)
    return bool((one == other).all())


def _bare_tensors(model: nn.Module) -> dict[int, str]:
    """Parameters and number buffers that belong to no layer known here, by id, with their paths."""
    owned: set[int] = set()
    found: dict[int, str] = {}
    inside: set[nn.Module] = set()
    for path, module in model.named_modules():
        if module in inside or as_composite(module) is not None or can_be_cut(module):
            inside.update(module.modules())
            owned.update(id(tensor) for tensor in (*module.parameters(), *module.buffers()))
            continue
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if tensor.is_floating_point():
                found.setdefault(id(tensor), f"{path}.{name}" if path else name)
    return {one: path for one, path in found.items() if one not in owned}
