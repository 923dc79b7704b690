"""Operations between layers: which keep units apart, and what they do to the labels.

Operations that move elements about are run on the labels themselves, so every index map is right by construction;
elementwise operations tie the labels of their operands together. A rule answers False when it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import resolve_name

from l0gm_edge.gates.labels import ALWAYS, Labels, reduced, varies_along


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVES = _names(
    """
    reshape view flatten unflatten permute transpose movedim swapaxes t mT T squeeze unsqueeze expand
    expand_as view_as split chunk tensor_split unbind select narrow getitem index_select
    repeat repeat_interleave tile contiguous clone detach roll flip
    """
)
SHAPED_LIKE = _names("expand_as view_as")
JOINS = _names("cat concat stack")
CASTS = _names("float to type_as")
ELEMENTWISE = _names(
    """
    add radd iadd sub rsub isub mul rmul imul div truediv rtruediv itruediv pow neg abs exp sqrt rsqrt
    square maximum minimum relu relu6 gelu silu mish sigmoid hardsigmoid hardswish hardtanh tanh elu selu
    leaky_relu softplus clamp dropout dropout1d dropout2d feature_dropout alpha_dropout where masked_fill
    """
)
REDUCTIONS = _names("mean sum amax amin")
SPATIAL = _names(
    """
    max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d
    interpolate
    """
)
QUERIES = _names(
    "size dim ndimension numel nelement len stride is_floating_point is_complex is_contiguous get_device hash"
)
"""Functions that tell of a tensor nothing that its values decide."""


class Activations:
    """The label of every element of every tensor that came out of a layer."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._of: dict[int, tuple[Tensor, Tensor]] = {}

    def labels_of(self, tensor: Tensor) -> Tensor:
        """Labels of a tensor's shape; ALWAYS where no layer gave them."""
        known = self._of.get(id(tensor))
        return known[1] if known is not None else torch.full((), ALWAYS).expand(tensor.shape)

    def is_labelled(self, tensor: Tensor) -> bool:
        """Whether the tensor's elements come from a layer."""
        return id(tensor) in self._of

    def put(self, tensor: Tensor, labels: Tensor) -> None:
        """Label a tensor; it is kept alive, so that its id stays its own."""
        self._of[id(tensor)] = tensor, labels.expand(tensor.shape)

    def pass_through(self, call: Call) -> None:
        """Label what a call between layers gives; freeze all that enters where no rule knows better."""
        given = [tensor for tensor in call.operands if self.is_labelled(tensor)]
        if not given or call.is_query:
            return
        rule = next((rule for names, rule in _RULES if call.name in names), None)
        if rule is None or not call.results or not rule(self, call):
            for tensor in given:
                self.labels.freeze(self.labels_of(tensor))


@dataclass(frozen=True)
class Call:
    """One call of a torch function between layers."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[Tensor, ...]

    @property
    def name(self) -> str:
        """The function's plain name: `add` for torch.add, x + y and x.add_(y); `T` for x.T."""
        full: str = resolve_name(self.func) or getattr(self.func, "__name__", "")
        return full.removesuffix(".__get__").rsplit(".", 1)[-1].strip("_")

    @property
    def is_query(self) -> bool:
        """Whether it only asks about shape or type."""
        attribute = getattr(self.func, "__name__", "") == "__get__"
        return not self.results and (attribute or self.name in QUERIES)

    @property
    def operands(self) -> list[Tensor]:
        """Every tensor that enters."""
        return list(tensors([self.args, self.kwargs]))


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from tensors(inner)


def _moves(known: Activations, call: Call) -> bool:
    """Do to the labels what was done to the elements; what decides where they go must not be cut itself."""
    if not call.args or any(known.is_labelled(index) for index in tensors(call.args[1:])):
        return call.name in SHAPED_LIKE and _moved(known, call)
    return _moved(known, call)


def _moved(known: Activations, call: Call) -> bool:
    moved = call.func(known.labels_of(call.args[0]), *call.args[1:], **call.kwargs)
    for result, labels in zip(call.results, tensors(moved), strict=True):
        known.put(result, labels)
    return True


def _joins(known: Activations, call: Call) -> bool:
    """Lay labels side by side; units along another axis are tied, since all that is joined must agree there."""
    (out,) = call.results
    if not call.args or not call.kwargs.keys() <= {"dim"}:
        return False
    parts, *where = call.args
    joined = call.func([known.labels_of(part) for part in parts], *where, **call.kwargs)
    dim = (where[0] if where else call.kwargs.get("dim", 0)) % joined.dim()
    if any(varies_along(joined, other) for other in range(joined.dim()) if other != dim):
        first = joined.narrow(dim, 0, 1).expand(joined.shape)
        known.labels.merge(joined, first)
        joined = first
    known.put(out, joined)
    return True


def _cast(known: Activations, call: Call) -> bool:
    """Another number format; the elements stay where they are."""
    (out,) = call.results
    known.put(out, known.labels_of(call.operands[0]))
    return True


def _elementwise(known: Activations, call: Call) -> bool:
    """Tie operands together where both have extent; an operand broadcast over differing units is not cut with them."""
    if len(call.results) != 1 or any(known.is_labelled(tensor) and tensor.dim() == 0 for tensor in call.operands):
        return False
    (out,) = call.results
    extended = (tensor for tensor in call.operands if tensor.dim() > 0)
    largest, *others = sorted(extended, key=lambda tensor: -tensor.numel())
    joint = known.labels_of(largest).expand(out.shape)
    for tensor in others:
        labels = known.labels_of(tensor)
        extents = [1] * (out.dim() - labels.dim()) + list(labels.shape)
        differing = [extents[dim] for dim in range(out.dim()) if varies_along(joint, dim)]
        if all(extent > 1 for extent in differing):
            known.labels.merge(joint, labels.expand(out.shape))
        else:
            known.labels.freeze(labels)
            if any(extent > 1 for extent in differing):
                known.labels.freeze(joint)
    known.put(out, joint)
    return True


def _reduction(known: Activations, call: Call) -> bool:
    """Keep the labels when units are not mixed with each other."""
    source, (out,) = call.operands[0], call.results
    dims = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    if not isinstance(dims, int) and not dims:
        return False  # over everything
    wanted = [dim % source.dim() for dim in ([dims] if isinstance(dims, int) else dims)]
    labels = reduced(known.labels_of(source), wanted)
    if labels is None:
        return False
    kept = [labels.shape[dim] for dim in range(labels.dim()) if dim not in wanted]
    known.put(out, labels if out.dim() == source.dim() else labels.reshape(kept))
    return True


def _spatial(known: Activations, call: Call) -> bool:
    """Pooling and resizing work on each channel alone."""
    source, out = call.operands[0], call.results[0]
    labels = reduced(known.labels_of(source), range(2, source.dim()))
    if labels is None or len(call.results) != 1 or out.shape[:2] != source.shape[:2]:
        return False
    known.put(out, labels)
    return True


_RULES = (
    (MOVES, _moves),
    (JOINS, _joins),
    (CASTS, _cast),
    (ELEMENTWISE, _elementwise),
    (REDUCTIONS, _reduction),
    (SPATIAL, _spatial),
)
