"""Units, parameters and multiply-accumulates as functions of which gates are open (0/1) or how likely (0..1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from l0gm_edge.gates.activations import tensors
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.inputs import Example, Inputs
from l0gm_edge.gates.layers import CONVOLUTIONS, RECURRENT, TRANSPOSED, axis_width, stored
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.multihead import layer_by_layer
from l0gm_edge.gates.surgery import parts_of


@dataclass(frozen=True)
class SizeModel:
    """Sizes are sums over layers of (open inputs) x (open outputs) x constants, times the gate of what the layer is in.

    `reads` and `writes` are (layers, units + 1): how many positions of a layer's input and output belong to each unit,
    the last column counting those that are always there. `counted` is 0 where weights of another row are used again.
    """

    reads: Tensor
    writes: Tensor
    weights: Tensor
    biases: Tensor
    counted: Tensor
    positions: Tensor
    layer_parents: Tensor
    unit_parents: Tensor
    fixed_parameters: int

    def units(self, gates: Tensor) -> Tensor:
        """Open units; a unit inside a closed expert does not count."""
        return (gates * self._alive(gates)[self.unit_parents]).sum()

    def parameters(self, gates: Tensor) -> Tensor:
        """Parameters of the model cut to these gates."""
        read, write, alive = self._sides(gates)
        return (self.counted * (self.weights * read + self.biases) * write * alive).sum() + self.fixed_parameters

    def macs(self, gates: Tensor) -> Tensor:
        """Multiply-accumulates of one sample through linear and convolution layers."""
        read, write, alive = self._sides(gates)
        return (self.weights * self.positions * read * write * alive).sum()

    def _sides(self, gates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        every = _with_one(gates)
        return self.reads @ every, self.writes @ every, self._alive(gates)[self.layer_parents]

    def _alive(self, gates: Tensor) -> Tensor:
        """Each entry times the gates of all that it lies inside of, (units + 1,)."""
        every = _with_one(gates)
        parents = torch.cat([self.unit_parents, self.unit_parents.new_tensor([len(every) - 1])])
        alive, above = every, parents
        while bool((above < len(every) - 1).any()):
            alive, above = alive * every[above], parents[above]
        return alive


class _Row(NamedTuple):
    """One tensor, or several alike, of a layer: `weight` for each pair of a read and a written position, `bias` for
    each written one."""

    path: str
    reads: Tensor
    writes: Tensor
    weight: float
    bias: float
    counted: bool
    uses: float


def size_model(model: nn.Module, layout: Layout, example_inputs: Example | Inputs) -> SizeModel:
    """Read a model's layers and, from one forward pass, how often each weight is used."""
    uses = _uses(model, Inputs.of(example_inputs))
    rows = list(_rows(model, layout, uses))
    in_rows = sum(
        (row.weight * float(row.reads.sum()) + row.bias) * float(row.writes.sum()) for row in rows if row.counted
    )
    others = sum(parameter.numel() for parameter in model.parameters()) - round(in_rows)
    parents = _parents(model, layout)

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64)

    return SizeModel(
        torch.stack([row.reads for row in rows]),
        torch.stack([row.writes for row in rows]),
        column([row.weight for row in rows]),
        column([row.bias for row in rows]),
        column([float(row.counted) for row in rows]),
        column([row.uses for row in rows]),
        torch.tensor([parents.get(row.path, layout.units) for row in rows]),
        layout.parents(),
        others,
    )


def _with_one(gates: Tensor) -> Tensor:
    gates = gates.to(torch.float64)
    return torch.cat([gates, gates.new_ones(1)])


def _rows(model: nn.Module, layout: Layout, uses: dict[str, float]) -> Iterator[_Row]:
    axes = {part: entries for place, entries in layout.axes(model).items() for part in parts_of(model, place)}
    shared: set[int] = set()

    def counts(path: str, axis: str, width: int, times: int = 1) -> Tensor:
        entries = next((found for place, found in axes.items() if place == (path, axis)), None)
        histogram = torch.zeros(layout.units + 1, dtype=torch.float64)
        if entries is None:
            histogram[-1] = width
        else:
            histogram.index_add_(0, entries, torch.ones(len(entries), dtype=torch.float64))
        return histogram * times

    one = torch.zeros(layout.units + 1, dtype=torch.float64)
    one[-1] = 1
    for path, module in model.named_modules():
        lying = {(part.name, part.dim): part for part in stored(module)}
        rows: list[_Row] = []
        for name, parameter in module.named_parameters(recurse=False):
            full = f"{path}.{name}" if path else name
            sides, rest = [], 1
            for dim, size in enumerate(parameter.shape):
                part = lying.get((name, dim))
                if part is not None:
                    sides.append(counts(path, part.axis, axis_width(module, part.axis), part.times))
                elif (full, str(dim)) in axes:
                    sides.append(counts(full, str(dim), size))
                else:
                    rest *= size
            counted, used = id(parameter) not in shared, uses.get(full, 0.0)
            shared.add(id(parameter))
            if sides and (len(sides) > 1 or used):
                rows.append(_Row(path, sides[1] if len(sides) > 1 else one, sides[0], rest, 0.0, counted, used))
            elif sides and counted:
                rows.append(_Row(path, one, sides[0], 0.0, rest, counted, 0.0))
        yield from _joined(rows)


def _joined(rows: list[_Row]) -> list[_Row]:
    """A layer's rows, its biases with the weights that write where they are added."""
    joined: list[_Row] = []
    for row in sorted(rows, key=lambda row: row.weight == 0):
        alike = next((at for at, one in enumerate(joined) if one.counted and torch.equal(one.writes, row.writes)), None)
        if row.weight or alike is None:
            joined.append(row)
        else:
            joined[alike] = joined[alike]._replace(bias=joined[alike].bias + row.bias)
    return joined


def _parents(model: nn.Module, layout: Layout) -> dict[str, int]:
    """The entry of the innermost expert or block that a layer stands in, by path."""
    parents: dict[str, tuple[int, int]] = {}
    for site in layout.sites:
        for unit, module in enumerate(site.modules):
            for path, _ in model.get_submodule(module).named_modules(prefix=module):
                parents[path] = max(parents.get(path, (0, 0)), (len(module), layout.offsets[site.name] + unit))
    return {path: entry for path, (_, entry) in parents.items()}


def _uses(model: nn.Module, inputs: Inputs) -> dict[str, float]:
    """How often each weight of a linear, convolution, recurrent or attention layer is used for one sample, by path."""
    batch = next((len(one) for one in tensors([inputs.args, inputs.kwargs]) if one.dim()), 1)
    uses: dict[str, float] = {}
    handles = []

    def count(path: str, names: tuple[str, ...], layer: nn.Module, args: tuple[object, ...], out: object) -> None:
        given, taken = next(tensors(out)), next(tensors(args), None)
        if isinstance(layer, CONVOLUTIONS):
            times = given.numel() // layer.out_channels
        elif isinstance(layer, TRANSPOSED) and taken is not None:
            times = taken.numel() // layer.in_channels
        else:
            times = given.numel() // given.shape[-1]
        for name in names:
            full = f"{path}.{name}" if path else name
            uses[full] = uses.get(full, 0.0) + times // batch

    for path, layer in model.named_modules():
        names = tuple(name for name, parameter in layer.named_parameters(recurse=False) if parameter.dim() > 1)
        if isinstance(layer, nn.MultiheadAttention):
            names = (*names, "out_proj.weight")
        if isinstance(layer, (nn.Linear, nn.MultiheadAttention, *CONVOLUTIONS, *TRANSPOSED, *RECURRENT)):

            def hook(
                module: nn.Module,
                args: tuple[object, ...],
                out: object,
                path: str = path,
                names: tuple[str, ...] = names,
            ) -> None:
                count(path, names, module, args, out)

            handles.append(layer.register_forward_hook(hook))
    try:
        with evaluating(model), layer_by_layer(model):
            inputs.call(model)
    finally:
        for handle in handles:
            handle.remove()
    return uses
