"""Tracing: run the model once, and carry along which unit every element of every activation belongs to.

Layers that can be cut give fresh labels and read others; between layers, operations carry the labels on, tie them
together, or freeze what they touch where they are not known to keep units apart (`operations.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from l0gm_edge.core.site import Axis, Composite
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.labels import ALWAYS, Labels, constant_over
from l0gm_edge.gates.layers import BATCH_NORMS, CONVOLUTIONS, axis_width, is_depthwise
from l0gm_edge.gates.operations import Activations, Call, tensors


@dataclass
class Trace:
    """What a run found: per (layer, axis) the label of each position, and the labels that layers gave."""

    labels: Labels = field(default_factory=Labels)
    axes: dict[tuple[str, Axis], Tensor] = field(default_factory=dict)
    given: dict[str, Tensor] = field(default_factory=dict)


def trace(model: nn.Module, example_inputs: Mapping[str, Tensor]) -> Trace:
    """Run `model(**example_inputs)` once in evaluation mode and gather its labels; the model is left as it was."""
    found = Trace()
    mode = _Mode(found.labels)
    with evaluating(model), _labelled_layers(model, found, mode), mode:
        outputs = model(**example_inputs)
    for tensor in tensors(outputs):
        found.labels.freeze(mode.known.labels_of(tensor))
    return found


class _Mode(TorchFunctionMode):
    """Sees every torch function between layers."""

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.known = Activations(labels)
        self.inside_layer = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        result = func(*args, **kwargs)
        if not self.inside_layer:
            self.known.pass_through(Call(func, args, kwargs, tuple(tensors(result))))
        return result


@contextmanager
def _labelled_layers(model: nn.Module, found: Trace, mode: _Mode) -> Iterator[None]:
    """Let the layers that can be cut label what they give and record what they read, while the context lasts."""
    with ExitStack() as restore:
        inside: set[nn.Module] = set()
        shared = _shared_parameters(model)
        for path, layer in model.named_modules():
            if layer in inside or not _can_be_cut(layer) or shared.intersection(layer.parameters()):
                continue
            if isinstance(layer, Composite):
                inside.update(model.get_submodule(path).modules())
            restore.callback(_restore_forward, layer, layer.__dict__.get("forward"))
            layer.forward = partial(_run_layer, path, layer, layer.forward, found, mode)
        yield


def _restore_forward(layer: nn.Module, own: Any) -> None:
    if own is None:
        del layer.forward
    else:
        layer.forward = own


def _run_layer(
    path: str, layer: nn.Module, forward: Callable[[Tensor], Tensor], found: Trace, mode: _Mode, x: Tensor
) -> Tensor:
    mode.inside_layer = True
    try:
        out = forward(x)
    finally:
        mode.inside_layer = False
    dim = 1 if isinstance(layer, CONVOLUTIONS + BATCH_NORMS) else -1
    if isinstance(layer, nn.Embedding):
        mode.known.put(out, _give(path, layer, found))
    elif isinstance(layer, (*BATCH_NORMS, nn.LayerNorm)) or is_depthwise(layer):
        labels = _read(path, "out", mode.known.labels_of(x), dim, found)
        mode.known.put(out, _along(labels, dim, out))
    else:
        _read(path, "in", mode.known.labels_of(x), dim, found)
        mode.known.put(out, _along(_give(path, layer, found), dim, out))
    return out


def _give(path: str, layer: nn.Module, found: Trace) -> Tensor:
    """The labels of a layer's outputs: fresh at its first call, the same at any later one."""
    if path not in found.given:
        found.given[path] = found.axes[path, "out"] = found.labels.new(axis_width(layer, "out"))
    return found.given[path]


def _read(path: str, axis: Axis, labels: Tensor, dim: int, found: Trace) -> Tensor:
    """Record what a layer reads at each position; a position with several labels cannot be cut."""
    along, clean = constant_over(labels, dim % labels.dim())
    for position in torch.nonzero(~clean).flatten().tolist():
        found.labels.freeze(labels.select(dim, position))
    along = torch.where(clean, along, ALWAYS)
    if (path, axis) in found.axes:
        found.labels.merge(found.axes[path, axis], along)
    else:
        found.axes[path, axis] = along
    return along


def _along(labels: Tensor, dim: int, like: Tensor) -> Tensor:
    shape = [1] * like.dim()
    shape[dim] = -1
    return labels.view(shape)


def _shared_parameters(model: nn.Module) -> set[nn.Parameter]:
    """Parameters that several modules hold, such as tied embeddings: a cut would part them."""
    holders = Counter(parameter for module in model.modules() for parameter in module.parameters(recurse=False))
    return {parameter for parameter, count in holders.items() if count > 1}


def _can_be_cut(layer: nn.Module) -> bool:
    if isinstance(layer, CONVOLUTIONS):
        return layer.groups == 1 or is_depthwise(layer)
    if isinstance(layer, nn.LayerNorm):
        return len(layer.normalized_shape) == 1
    return isinstance(layer, (nn.Linear, nn.Embedding, Composite, *BATCH_NORMS))
