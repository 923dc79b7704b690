"""What latency is made of, as functions of kept widths: from whole kinds of layer down to single ones."""

from __future__ import annotations

import torch
from torch import Tensor

from l0gm_edge.gates.size import SizeModel

FINE = 4.0
"""How much dearer the coefficient of layers of one shape is than that of their kind: the data must ask for it."""


class Features:
    """Features of a gate vector, float64; the first is the constant 1.

    `step` is how many channels the device's kernels compute at once: cost rises in steps of as many, and reading a
    width that is no multiple of it costs extra. A model may be slower for being a little smaller, so all features but
    that extra one are non-decreasing in every gate. `penalty` (features,) says how reluctantly a fit should use each.
    """

    def __init__(self, size: SizeModel, step: int) -> None:
        self._size, self._step, self._inside = size, step, _inside(size)
        kinds, shapes = _kinds(size), _shapes(size)
        groups = torch.cat([kinds, shapes])
        penalty = torch.cat([torch.ones(len(kinds)), torch.full((len(shapes),), FINE)])
        chosen = _first_of_each(groups)
        self._groups = groups[chosen].double()
        dense, none = self.of_layers(torch.tensor([[1.0], [0.0]]).expand(2, size.reads.shape[1] - 1)) @ self._groups.T
        dense[-1] = dense[0]  # the extra for odd widths is measured against the work it is an extra of
        self._scale = torch.where(dense > none, dense, torch.inf)  # what no gate changes is in the constant
        self.penalty = torch.cat([torch.zeros(1), penalty[chosen].repeat(len(dense))]).double()

    def __call__(self, gates: Tensor) -> Tensor:
        """(rows, units) gates from 0 to 1 -> (rows, features); differentiable."""
        terms = self.of_layers(gates) @ self._groups.T / self._scale
        return torch.cat([terms.new_ones(len(terms), 1), terms.flatten(1)], 1)

    def by_layer(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """The constant, and the factors (terms, layers) of `of_layers`, that make these coefficients' prediction."""
        constant, rest = coefficients[0], coefficients[1:].reshape(self._scale.shape)
        return constant, rest / self._scale @ self._groups

    def of_layers(self, gates: Tensor) -> Tensor:
        """(rows, units) gates -> (rows, terms, layers); differentiable."""
        size = self._size
        every = torch.cat([gates.double(), torch.ones(len(gates), 1, dtype=torch.float64)], 1)
        read, write, alive = every @ size.reads.T, every @ size.writes.T, every[:, self._inside].prod(1)
        read_up, write_up = self._up(read), self._up(write)
        at = size.positions * alive
        work = size.weights * at
        macs = work * read * write
        return torch.stack([macs, work * read_up * write_up, at * write, at * read, alive, macs * self._odd(read)], 1)

    def _up(self, width: Tensor) -> Tensor:
        """Rounded up to whole steps; the gradient is that of the width itself."""
        return width + (torch.ceil(width / self._step) * self._step - width).detach()

    def _odd(self, width: Tensor) -> Tensor:
        """1 where a whole width is no multiple of the step; rises to it over one unit, and has no gradient."""
        rest = width.detach() % self._step
        return torch.minimum(rest, self._step - rest).clamp_max(1)


def _inside(size: SizeModel) -> Tensor:
    """The units that each layer lies inside of, one row a depth, the innermost first: (depths, layers)."""
    outside = size.reads.shape[1] - 1
    parents = torch.cat([size.unit_parents, size.unit_parents.new_tensor([outside])])
    depths = [size.layer_parents]
    while bool((depths[-1] < outside).any()):
        depths.append(parents[depths[-1]])
    return torch.stack(depths)


def _kinds(size: SizeModel) -> Tensor:
    """Layers by what they are: bool (kinds, layers)."""
    spatial, many, some = size.weights > 1, size.positions > 1, size.positions > 0
    depthwise = spatial & (size.reads.sum(1) == 1)
    return torch.stack([some, spatial & ~depthwise, depthwise, ~spatial & many, ~spatial & some & ~many])


def _shapes(size: SizeModel) -> Tensor:
    """Layers of one shape, such as the same layer of every expert: bool (shapes, layers)."""
    inside = size.layer_parents < size.reads.shape[1] - 1
    columns = (size.weights, size.positions, size.reads.sum(1), size.writes.sum(1), inside.double())
    shapes = [tuple(row) for row in torch.stack(columns, 1).tolist()]
    return torch.tensor([[one == shape for one in shapes] for shape in dict.fromkeys(shapes)])


def _first_of_each(groups: Tensor) -> Tensor:
    """Indices of the groups that are neither empty nor the same as one before."""
    seen: dict[tuple[bool, ...], int] = {}
    for index, group in enumerate(groups.tolist()):
        if any(group):
            seen.setdefault(tuple(group), index)
    return torch.tensor(list(seen.values()))
