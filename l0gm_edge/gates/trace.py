"""Tracing: run the model once, and carry along which unit every element of every activation belongs to.

Layers that can be cut give fresh labels and read others; operations that move elements about (reshape, flatten,
concatenate, split, transpose, index, ...) are run on the labels themselves, so every index map is right by
construction; elementwise operations tie the labels of their operands together; whatever is not known freezes what it
touches. The result is never a wrong group, at worst a smaller choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from l0gm_edge.core.site import Axis, Composite
from l0gm_edge.gates.labels import ALWAYS, Labels, constant_over, reduced, varies_along
from l0gm_edge.gates.layers import BATCH_NORMS, CONVOLUTIONS, axis_width, is_depthwise

MOVES = frozenset(
    [
        "reshape",
        "view",
        "flatten",
        "unflatten",
        "permute",
        "transpose",
        "movedim",
        "swapaxes",
        "t",
        "mT",
        "T",
        "squeeze",
        "unsqueeze",
        "expand",
        "expand_as",
        "view_as",
        "cat",
        "concat",
        "stack",
        "split",
        "chunk",
        "tensor_split",
        "unbind",
        "select",
        "narrow",
        "getitem",
        "index_select",
        "repeat",
        "repeat_interleave",
        "tile",
        "contiguous",
        "clone",
        "detach",
        "roll",
        "flip",
    ]
)
ELEMENTWISE = frozenset(
    [
        "add",
        "radd",
        "iadd",
        "sub",
        "rsub",
        "isub",
        "mul",
        "rmul",
        "imul",
        "div",
        "truediv",
        "rtruediv",
        "itruediv",
        "pow",
        "neg",
        "abs",
        "exp",
        "sqrt",
        "rsqrt",
        "square",
        "maximum",
        "minimum",
        "relu",
        "relu6",
        "gelu",
        "silu",
        "mish",
        "sigmoid",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "tanh",
        "elu",
        "selu",
        "leaky_relu",
        "softplus",
        "clamp",
        "dropout",
        "dropout1d",
        "dropout2d",
        "feature_dropout",
        "alpha_dropout",
        "float",
        "to",
        "type_as",
        "where",
        "masked_fill",
    ]
)
REDUCTIONS = frozenset(["mean", "sum", "amax", "amin"])
SPATIAL = frozenset(
    [
        "max_pool1d",
        "max_pool2d",
        "avg_pool1d",
        "avg_pool2d",
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_max_pool2d",
        "interpolate",
    ]
)


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
    was_training = model.training
    try:
        with torch.no_grad(), _labelled_layers(model, found, mode), mode:
            outputs = model.eval()(**example_inputs)
    finally:
        model.train(was_training)
    for tensor in _tensors(outputs):
        found.labels.freeze(mode.labels_of(tensor))
    return found


class _Mode(TorchFunctionMode):
    """Sees every torch function between layers and gives its results their labels."""

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        self._of: dict[int, tuple[Tensor, Tensor]] = {}
        self.inside_layer = False

    def labels_of(self, tensor: Tensor) -> Tensor:
        known = self._of.get(id(tensor))
        return known[1] if known is not None else torch.full((), ALWAYS).expand(tensor.shape)

    def is_labelled(self, tensor: Tensor) -> bool:
        return id(tensor) in self._of

    def put(self, tensor: Tensor, labels: Tensor) -> None:
        # the tensor is kept alive, so that its id stays its own
        self._of[id(tensor)] = tensor, labels.expand(tensor.shape)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        result = func(*args, **kwargs)
        if self.inside_layer:
            return result
        call = _Call(_plain_name(func), func, args, kwargs, tuple(_tensors(result)))
        given = [tensor for tensor in call.operands if self.is_labelled(tensor)]
        if given and call.results:
            rule = next((rule for names, rule in _RULES if call.name in names), None)
            if rule is None or not rule(self, call):
                for tensor in given:  # not known to keep units apart: nothing that enters may be cut
                    self.labels.freeze(self.labels_of(tensor))
        return result


@dataclass(frozen=True)
class _Call:
    """One call of a torch function between layers."""

    name: str
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[Tensor, ...]

    @property
    def operands(self) -> list[Tensor]:
        return list(_tensors([self.args, self.kwargs]))


def _moves(mode: _Mode, call: _Call) -> bool:
    """Do to the labels what was done to the elements."""
    joins = call.name in {"cat", "concat", "stack"}

    def labels(value: Any) -> Any:
        if isinstance(value, Tensor):
            return mode.labels_of(value) if joins or mode.is_labelled(value) else value
        if isinstance(value, list | tuple):
            return type(value)(labels(inner) for inner in value)
        return value

    moved = call.func(*labels(call.args), **{key: labels(value) for key, value in call.kwargs.items()})
    for tensor, its_labels in zip(call.results, _tensors(moved), strict=True):
        mode.put(tensor, its_labels)
    return True


def _elementwise(mode: _Mode, call: _Call) -> bool:
    """Tie operands together where both have extent; an operand broadcast over differing units is not cut with them."""
    (out,) = call.results
    largest, *others = sorted(
        (tensor for tensor in call.operands if tensor.dim() > 0), key=lambda tensor: -tensor.numel()
    )
    joint = mode.labels_of(largest).expand(out.shape)
    for tensor in others:
        labels = mode.labels_of(tensor)
        extents = [1] * (out.dim() - labels.dim()) + list(labels.shape)
        differing = [extents[dim] for dim in range(out.dim()) if varies_along(joint, dim)]
        if all(extent > 1 for extent in differing):
            mode.labels.merge(joint, labels.expand(out.shape))
        else:
            mode.labels.freeze(labels)
            if any(extent > 1 for extent in differing):
                mode.labels.freeze(joint)
    mode.put(out, joint)
    return True


def _reduction(mode: _Mode, call: _Call) -> bool:
    """Keep the labels when units are not mixed with each other."""
    source, (out,) = call.operands[0], call.results
    dims = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    if dims is None:
        return False
    wanted = [dim % source.dim() for dim in ([dims] if isinstance(dims, int) else dims)]
    labels = reduced(mode.labels_of(source), wanted)
    if labels is None:
        return False
    kept = [labels.shape[dim] for dim in range(labels.dim()) if dim not in wanted]
    mode.put(out, labels if out.dim() == source.dim() else labels.reshape(kept))
    return True


def _spatial(mode: _Mode, call: _Call) -> bool:
    """Pooling and resizing work on each channel alone."""
    source, (out,) = call.operands[0], call.results
    labels = reduced(mode.labels_of(source), range(2, source.dim()))
    if labels is None or out.shape[:2] != source.shape[:2]:
        return False
    mode.put(out, labels)
    return True


_RULES = ((MOVES, _moves), (ELEMENTWISE, _elementwise), (REDUCTIONS, _reduction), (SPATIAL, _spatial))


@contextmanager
def _labelled_layers(model: nn.Module, found: Trace, mode: _Mode) -> Iterator[None]:
    """Let the layers that can be cut label what they give and record what they read, while the context lasts."""
    with ExitStack() as restore:
        inside: set[nn.Module] = set()
        for path, layer in model.named_modules():
            if layer in inside or not _can_be_cut(layer):
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
        mode.put(out, _give(path, layer, found))
    elif isinstance(layer, (*BATCH_NORMS, nn.LayerNorm)) or is_depthwise(layer):
        labels = _read(path, "out", mode.labels_of(x), dim, found)
        mode.put(out, _along(labels, dim, out))
    else:
        _read(path, "in", mode.labels_of(x), dim, found)
        mode.put(out, _along(_give(path, layer, found), dim, out))
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


def _can_be_cut(layer: nn.Module) -> bool:
    if isinstance(layer, CONVOLUTIONS):
        return layer.groups == 1 or is_depthwise(layer)
    if isinstance(layer, nn.LayerNorm):
        return len(layer.normalized_shape) == 1
    return isinstance(layer, (nn.Linear, nn.Embedding, Composite, *BATCH_NORMS))


def _plain_name(func: Callable[..., Any]) -> str:
    name: str = resolve_name(func) or getattr(func, "__name__", "")
    return name.rsplit(".", 1)[-1].strip("_")


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)
