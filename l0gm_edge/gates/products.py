"""Labels where tensors meet: elementwise with broadcasting, in matrix products, and in attention.

A product of queries and keys ties the width of each head together, so that whole heads are the units that are left.
"""

from __future__ import annotations

import string
from collections.abc import Sequence

from torch import Tensor

from l0gm_edge.gates.activations import Activations, Call

PRODUCTS = frozenset(["matmul", "rmatmul", "bmm", "mm", "baddbmm", "addmm", "einsum", "linear"])


def joined(known: Activations, operands: Sequence[Tensor], shape: Sequence[int]) -> Tensor | None:
    """Labels of what tensors give elementwise, with broadcasting; None when units cannot be kept apart."""
    return _meet(known, [known.labels_of(tensor) for tensor in operands], shape)


def product(known: Activations, call: Call) -> bool:
    """A matrix product or an einsum of two tensors; what differs from one product of a batch to the next is a head."""
    read = _equation(call)
    if read is None:
        return False
    (one, other), (first, second), after = read
    out = call.results[0]
    labels = _contracted(known, known.labels_of(one), known.labels_of(other), first, second, after)
    if labels is None:
        return False
    added = call.args[:1] if call.name in ("baddbmm", "addmm") else ()
    if added:
        labels = _meet(known, [labels, *map(known.labels_of, added)], out.shape)
    if labels is not None:
        known.put(out, labels)
    return labels is not None


def attention(known: Activations, call: Call) -> bool:
    """Scaled dot-product attention; with fewer key heads, each serves several query heads."""
    (out,) = call.results
    named = [call.argument(place, name) for place, name in enumerate(("query", "key", "value", "attn_mask"))]
    query, key, value = (known.labels_of(tensor) for tensor in named[:3])
    if query.dim() > 3 and key.shape[-3] != query.shape[-3]:
        times = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(times, -3), value.repeat_interleave(times, -3)
    batch = string.ascii_lowercase[: query.dim() - 2]
    scores = _contracted(known, query, key, f"{batch}td", f"{batch}sd", f"{batch}ts")
    if scores is None:
        return False
    if isinstance(named[3], Tensor):
        scores = _meet(known, [scores, known.labels_of(named[3])], scores.shape)
    labels = scores if scores is None else _contracted(known, scores, value, f"{batch}ts", f"{batch}sd", f"{batch}td")
    if labels is not None:
        known.put(out, labels)
    return labels is not None


def _equation(call: Call) -> tuple[tuple[Tensor, Tensor], tuple[str, str], str] | None:
    """The two factors, a letter for each of their dimensions, and the letters of what comes out."""
    if call.name == "einsum":
        equation, *factors = call.args
        factors = list(factors[0]) if len(factors) == 1 and isinstance(factors[0], list | tuple) else factors
        sides = equation.replace(" ", "").split("->")
        if len(factors) != 2 or len(sides) != 2 or "." in equation:
            return None
        one, other = sides[0].split(",")
        alone = (set(one) | set(other)) - (set(one) & set(other)) - set(sides[1])
        repeated = any(len(set(text)) < len(text) for text in (one, other))
        return None if alone or repeated else ((factors[0], factors[1]), (one, other), sides[1])
    first, second = call.args[1:3] if call.name in ("baddbmm", "addmm") else call.args[:2]
    if call.name == "rmatmul":
        first, second = second, first
    if call.name == "linear" or min(first.dim(), second.dim()) < 2:
        return None
    batch = string.ascii_lowercase[: max(first.dim(), second.dim()) - 2]
    one, other = batch[len(batch) - first.dim() + 2 :], batch[len(batch) - second.dim() + 2 :]
    return (first, second), (one + "xz", other + "zy"), batch + "xy"


def _contracted(known: Activations, one: Tensor, other: Tensor, first: str, second: str, after: str) -> Tensor | None:
    """Labels of an einsum `first,second->after` of two tensors with these labels."""
    summed = [letter for letter in first if letter in second and letter not in after]
    sizes = dict(zip(first, one.shape, strict=True))
    for letter, size in zip(second, other.shape, strict=True):
        sizes[letter] = max(size, sizes.get(letter, 1))
    every = after + "".join(summed)
    sides = [_spread(labels, letters, every) for labels, letters in ((one, first), (other, second))]
    at = [every.index(letter) for letter in summed]
    if any(known.labels.varies(side, dim) for side in sides for dim in at):
        shared = []
        for side, own, others in ((sides[0], first, second), (sides[1], second, first)):
            free = [every.index(letter) for letter in own if letter not in others]
            narrowed = known.labels.reduced(side, free)
            if narrowed is None:
                return None
            shared.append(narrowed)
        shape = [1 if letter in set(first) ^ set(second) else sizes[letter] for letter in every]
        contracted = _meet(known, shared, shape)
        if contracted is None:
            return None
        if any(known.labels.varies(contracted, dim) for dim in range(len(every)) if dim not in at):
            known.labels.tie(contracted, at)
        else:  # its units are summed up here, with no layer that could be gated
            known.labels.freeze(contracted)
    left = [side.narrow(at[0], 0, 1) if at else side for side in sides]
    for dim in at[1:]:
        left = [side.narrow(dim, 0, 1) for side in left]
    shape = [1 if dim in at else sizes[letter] for dim, letter in enumerate(every)]
    labels = _meet(known, left, shape)
    if labels is None:
        return None
    along = {letter for dim, letter in enumerate(every) if known.labels.varies(labels, dim)}
    if along and along <= set(first) & set(second):
        known.heads.append(labels)
    return labels.reshape([sizes[letter] for letter in after])


def _spread(labels: Tensor, letters: str, every: str) -> Tensor:
    """Labels with a dimension for each of `every` letters, of size 1 for those that are missing."""
    ordered = labels.permute([letters.index(letter) for letter in every if letter in letters])
    for dim, letter in enumerate(every):
        if letter not in letters:
            ordered = ordered.unsqueeze(dim)
    return ordered


def _meet(known: Activations, operands: Sequence[Tensor], shape: Sequence[int]) -> Tensor | None:
    """Labels of what tensors with these labels give elementwise, broadcast to `shape`."""
    dims = len(shape)
    padded = [known.labels.roots(labels[(None,) * (dims - labels.dim())]) for labels in operands]
    tied, *others = sorted(padded, key=lambda labels: _rank(known, labels), reverse=True)
    joint = tied.expand(tuple(shape))
    wide = {dim for dim in range(dims) if tied.shape[dim] > 1}
    for labels in others:
        extents = {dim for dim in range(dims) if labels.shape[dim] > 1}
        along = {dim for dim in range(dims) if known.labels.varies(joint, dim)}
        own = {dim for dim in range(dims) if known.labels.varies(labels, dim)}
        if not along and not own:
            known.labels.merge(joint.reshape(-1)[:1], labels.reshape(-1)[:1])
            continue
        if not own <= wide:
            known.labels.freeze(labels)
            known.labels.freeze(joint)
            return None
        if not along & extents:
            known.labels.freeze(labels)  # spread over units that differ: it is not cut with them
        elif along <= extents:
            known.labels.merge(joint, labels.expand(joint.shape))
        else:
            joint = _partly(known, joint, labels, along, extents)
        wide |= extents
    return joint


def _partly(known: Activations, joint: Tensor, labels: Tensor, along: set[int], extents: set[int]) -> Tensor:
    """An operand with extent in some of the dimensions along which units differ: one unit takes up the others.

    Where it carries units itself, such as a gate for each head, they become the units; where it is the same for all,
    such as rotary positions, it is not cut, and units differ along what is left.
    """
    fixed = not known.labels.roots(labels).any()
    if fixed or (known.labels.are_loose(labels) and max(along) in extents):
        known.labels.freeze(labels)
        return known.labels.tie(joint, along & extents)
    joint = known.labels.tie(joint, along - extents)
    known.labels.merge(joint, labels.expand(joint.shape))
    return joint


def _rank(known: Activations, labels: Tensor) -> tuple[int, int, int]:
    """What leads where tensors meet: layers' units before bare parameters before what is always there."""
    along = sum(known.labels.varies(labels, dim) for dim in range(labels.dim()))
    if not along:
        return int(known.labels.roots(labels).any()), 0, labels.numel()
    return 2 if known.labels.are_loose(labels) else 3, along, labels.numel()
