"""Operations between layers: which keep units apart, and what they do to the labels.

Operations that move elements about are run on the labels themselves, so every index map is right by construction;
elementwise operations tie the labels of their operands together. A rule answers False when it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from l0gm_edge.gates.activations import Activations, Call, names, tensors
from l0gm_edge.gates.products import PRODUCTS, attention, joined, product

MOVES = names(
    """
    reshape view flatten unflatten permute transpose movedim moveaxis swapaxes swapdims t adjoint mT T squeeze unsqueeze
    expand broadcast_to expand_as view_as split chunk tensor_split split_with_sizes unbind select narrow getitem
    index_select gather take_along_dim diagonal repeat repeat_interleave tile roll flip unfold pixel_shuffle
    pixel_unshuffle channel_shuffle
    """
)
SHAPED_LIKE = names("expand_as view_as")
SAME = names(
    """
    contiguous clone detach data float double half bfloat16 to type type_as bool int long requires_grad identity
    positive alias
    """
)
JOINS = names("cat concat concatenate stack")
ELEMENTWISE = names(
    """
    add radd iadd sub rsub isub subtract mul rmul imul multiply div truediv rtruediv itruediv divide true_divide pow
    rpow ipow neg abs exp sqrt rsqrt square reciprocal maximum minimum relu relu6 gelu silu mish sigmoid logsigmoid
    hardsigmoid hardswish hardtanh tanh tanhshrink softsign elu selu celu leaky_relu softplus threshold prelu rrelu
    clamp clamp_min clamp_max clip dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout where
    masked_fill lerp addcmul addcdiv sin cos erf log log1p expm1 sign floor ceil round nan_to_num eq ne lt le gt ge
    logical_and logical_or logical_not and or xor invert isnan isinf isfinite zeros_like ones_like empty_like full_like
    rand_like randn_like fmod remainder floordiv floor_divide copy
    """
)
REDUCTIONS = names("mean sum amax amin max min any all argmax argmin prod var std logsumexp norm vector_norm median")
ALONG = names("softmax log_softmax cumsum cumprod sort argsort topk normalize glu logcumsumexp")
SPATIAL = names(
    """
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d interpolate upsample lp_pool2d
    """
)
FRESH = names("new_zeros new_ones new_full new_empty new_tensor")
"""Functions that take nothing of a tensor but its type."""


def pass_through(known: Activations, call: Call) -> None:
    """Label what a call between layers gives; freeze all that enters where no rule knows better."""
    if call.is_query or call.name in FRESH:
        return
    given = [tensor for tensor in call.operands if known.is_labelled(tensor)]
    if not given:
        return
    rule = next((rule for names, rule in _RULES if call.name in names), None)
    how = "its values are read" if not call.results else "passes through"
    known.labels.context = f"{how} by {call.name}" if not call.results else f"{how} {call.name}"
    known.labels.context += f" in {known.place or 'the model itself'}"
    if rule is None or not call.results or not rule(known, call):
        for tensor in given:
            known.labels.freeze(known.labels_of(tensor))


def _moves(known: Activations, call: Call) -> bool:
    """Do to the labels what was done to the elements; what decides where they go must not be cut itself."""
    led = any(known.is_labelled(index) for index in tensors([call.args[1:], call.kwargs]))
    if not call.args or (led and call.name not in SHAPED_LIKE):
        return False
    if any(isinstance(one, torch.dtype) for one in call.args):
        return False  # a view of the same bytes
    func = _ON_LABELS.get(call.name, call.func)
    try:
        moved = func(known.labels_of(call.args[0]), *_near(call.args[1:]), **_near(call.kwargs))
    except RuntimeError:  # not for whole numbers
        return False
    for result, labels in zip(call.results, tensors(moved), strict=True):
        known.put(result, labels)
    return True


def _near(value: Any) -> Any:
    """Arguments with their tensors where labels are: not on an accelerator."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {name: _near(inner) for name, inner in value.items()}
    return type(value)(map(_near, value)) if type(value) in (list, tuple) else value


def _pads(known: Activations, call: Call) -> bool:
    """Padding is no layer's; reflected and repeated elements keep their unit."""
    source, widths, *rest = call.args
    mode = rest[0] if rest else call.kwargs.get("mode", "constant")
    labels = known.labels_of(source)
    padded = F.pad(labels.double(), widths, mode, 0.0 if mode == "constant" else None)
    if mode == "constant":  # where no unit differs, zeros are as good as any of its elements
        inside = F.pad(torch.ones_like(labels, dtype=torch.double), widths)
        for pair, dim in zip(range(0, len(widths), 2), range(labels.dim() - 1, -1, -1), strict=False):
            if not known.labels.varies(labels, dim) and any(widths[pair : pair + 2]):
                middle = padded.narrow(dim, max(widths[pair], 0), 1)
                padded = torch.where(inside > 0, padded, middle.expand(padded.shape))
    known.put(call.results[0], padded.long())
    return True


def _joins(known: Activations, call: Call) -> bool:
    """Lay labels side by side; units along another axis are tied, since all that is joined must agree there."""
    (out,) = call.results
    parts = call.args[0] if call.args else call.kwargs.get("tensors")
    if parts is None:
        return False
    where = call.args[1:] or (call.kwargs.get("dim", call.kwargs.get("axis", 0)),)
    side_by_side = call.func([known.labels_of(part) for part in parts], *where)
    dim = where[0] % side_by_side.dim()
    if any(known.labels.varies(side_by_side, other) for other in range(side_by_side.dim()) if other != dim):
        side_by_side = known.labels.tie(side_by_side, [dim])
    known.put(out, side_by_side)
    return True


def _same(known: Activations, call: Call) -> bool:
    """The elements stay where they are, perhaps in another number format."""
    known.put(call.results[0], known.labels_of(call.operands[0]))
    return True


def _elementwise(known: Activations, call: Call) -> bool:
    """Tie operands together where both have extent."""
    if len(call.results) != 1 or any(known.is_labelled(tensor) and tensor.dim() == 0 for tensor in call.operands):
        return False
    (out,) = call.results
    labels = joined(known, [tensor for tensor in call.operands if tensor.dim() > 0], out.shape)
    if labels is not None:
        known.put(out, labels)
    return labels is not None


def _reduction(known: Activations, call: Call) -> bool:
    """Keep the labels when units are not mixed with each other."""
    source, out = call.operands[0], call.results[0]
    dims = (
        call.argument(1, "dim", "axis", "ord") if call.name not in ("norm", "vector_norm") else call.argument(2, "dim")
    )
    if isinstance(dims, Tensor) and call.name in ("max", "min"):
        return _elementwise(known, call)
    if isinstance(dims, bool) or (not isinstance(dims, int) and not dims):
        return False  # over everything
    wanted = [dim % source.dim() for dim in ([dims] if isinstance(dims, int) else dims)]
    labels = known.labels.reduced(known.labels_of(source), wanted)
    if labels is None:
        return False
    kept = [labels.shape[dim] for dim in range(labels.dim()) if dim not in wanted]
    for result in call.results:
        known.put(result, labels if out.dim() == source.dim() else labels.reshape(kept))
    return True


def _along(known: Activations, call: Call) -> bool:
    """Functions of a whole dimension keep units that differ only along the others."""
    source, out = call.operands[0], call.results[0]
    if call.name == "glu":
        dim = call.argument(1, "dim") if call.argument(1, "dim") is not None else -1
        first, second = known.labels_of(source).chunk(2, dim)
        known.labels.merge(first, second)
        known.put(out, first)
        return True
    place = {"topk": 2, "normalize": 2}.get(call.name, 1)
    dim = call.argument(place, "dim")
    if dim is None:
        dim = 1 if call.name == "normalize" else -1
    labels = known.labels.reduced(known.labels_of(source), [dim])
    if labels is None:
        return False
    for result in call.results:
        known.put(result, labels)
    return True


def _spatial(known: Activations, call: Call) -> bool:
    """Pooling and resizing work on each channel alone."""
    source, out = call.operands[0], call.results[0]
    labels = known.labels.reduced(known.labels_of(source), range(2, source.dim()))
    if labels is None or len(call.results) != 1 or out.shape[:2] != source.shape[:2]:
        return False
    known.put(out, labels)
    return True


_ON_LABELS: dict[str, Callable[..., Any]] = {"view": torch.Tensor.reshape, "view_as": torch.Tensor.reshape_as}
"""Labels that are stored once for many elements have other strides than the elements."""
_RULES = (
    (MOVES, _moves),
    (SAME, _same),
    (JOINS, _joins),
    (ELEMENTWISE, _elementwise),
    (REDUCTIONS, _reduction),
    (ALONG, _along),
    (SPATIAL, _spatial),
    (names("pad"), _pads),
    (PRODUCTS, product),
    (names("scaled_dot_product_attention"), attention),
)
