"""Units, parameters and multiply-accumulates as functions of which gates are open (0/1) or how likely (0..1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Axis, Composite
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.layers import CONVOLUTIONS, is_depthwise
from l0gm_edge.gates.layout import Layout


@dataclass(frozen=True)
class SizeModel:
    """Sizes are sums over layers of (open inputs) x (open outputs) x constants, times the gate of what the layer is in.

    `reads` and `writes` are (layers, units + 1): how many positions of a layer's input and output belong to each unit,
    the last column counting those that are always there.
    """

    reads: Tensor
    writes: Tensor
    weights: Tensor
    biases: Tensor
    positions: Tensor
    layer_parents: Tensor
    unit_parents: Tensor
    fixed_parameters: int

    def units(self, gates: Tensor) -> Tensor:
        """Open units; a unit inside a closed expert does not count."""
        return (gates * _with_one(gates)[self.unit_parents]).sum()

    def parameters(self, gates: Tensor) -> Tensor:
        """Parameters of the model cut to these gates."""
        read, write, alive = self._sides(gates)
        return ((self.weights * read + self.biases) * write * alive).sum() + self.fixed_parameters

    def macs(self, gates: Tensor) -> Tensor:
        """Multiply-accumulates of one sample through linear and convolution layers."""
        read, write, alive = self._sides(gates)
        return (self.weights * self.positions * read * write * alive).sum()

    def _sides(self, gates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        every = _with_one(gates)
        return self.reads @ every, self.writes @ every, every[self.layer_parents]


def size_model(model: nn.Module, layout: Layout, example_inputs: Mapping[str, Tensor]) -> SizeModel:
    """Read a model's layers and, from one forward pass, how often each weight is used."""
    positions = _positions(model, example_inputs)
    axes = _part_axes(model, layout)
    parents = _layer_parents(model, layout)
    rows = []
    for path, layer in model.named_modules():
        sizes = _weight_and_bias(layer)
        if sizes is None:
            continue
        weight, bias, reads, writes = sizes
        rows.append(
            (
                _histogram(axes.get((path, "in")), reads, layout.units),
                _histogram(axes.get((path, "out")), writes, layout.units),
                weight,
                bias,
                positions.get(path, 0),
                parents.get(path, layout.units),
            )
        )
    reads_of, writes_of, weight_of, bias_of, position_of, parent_of = zip(*rows, strict=True)
    in_layers = sum((weight * sum(reads) + bias) * sum(writes) for reads, writes, weight, bias, *_ in rows)
    # what is left over: other parameters, less tied ones, which stand in two layers and count once
    others = sum(parameter.numel() for parameter in model.parameters()) - round(float(in_layers))
    return SizeModel(
        torch.stack(reads_of),
        torch.stack(writes_of),
        torch.tensor(weight_of, dtype=torch.float64),
        torch.tensor(bias_of, dtype=torch.float64),
        torch.tensor(position_of, dtype=torch.float64),
        torch.tensor(parent_of),
        layout.parents(),
        others,
    )


def _with_one(gates: Tensor) -> Tensor:
    gates = gates.to(torch.float64)
    return torch.cat([gates, gates.new_ones(1)])


def _weight_and_bias(layer: nn.Module) -> tuple[int, int, int, int] | None:
    """(weights per input-output pair, further parameters per output, inputs, outputs) of a layer, or None."""
    own = dict(layer.named_parameters(recurse=False))
    has_bias = int("bias" in own)
    match layer:
        case nn.Linear():
            return 1, has_bias, layer.in_features, layer.out_features
        case _ if is_depthwise(layer):
            assert isinstance(layer, CONVOLUTIONS)
            return _kernel(layer), has_bias, 1, layer.out_channels
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d() if layer.groups == 1:
            return _kernel(layer), has_bias, layer.in_channels, layer.out_channels
        case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d():
            return 0, len(own), 1, layer.num_features
        case nn.LayerNorm() if len(layer.normalized_shape) == 1:
            return 0, len(own), 1, int(layer.normalized_shape[0])
        case nn.Embedding():
            return 0, layer.num_embeddings, 1, layer.embedding_dim
        case _:
            return None


def _kernel(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> int:
    return int(torch.tensor(layer.kernel_size).prod())


def _part_axes(model: nn.Module, layout: Layout) -> dict[tuple[str, Axis], Tensor]:
    """The layout's axes, those of composite layers passed on to the plain layers inside."""
    axes: dict[tuple[str, Axis], Tensor] = {}
    for (path, axis), entries in layout.axes(model).items():
        layer = model.get_submodule(path)
        parts = [f"{path}.{part}" for part in layer.parts(axis)] if isinstance(layer, Composite) else [path]
        axes.update({(part, axis): entries for part in parts})
    return axes


def _layer_parents(model: nn.Module, layout: Layout) -> dict[str, int]:
    """The entry of the expert that a layer stands in, by path."""
    return {
        path: layout.offsets[site.name] + unit
        for site in layout.sites
        for unit, module in enumerate(site.modules)
        for path, _ in model.get_submodule(module).named_modules(prefix=module)
    }


def _histogram(entries: Tensor | None, width: int, units: int) -> Tensor:
    counts = torch.zeros(units + 1, dtype=torch.float64)
    if entries is None:
        counts[units] = width
        return counts
    return counts.index_add_(0, entries, torch.ones(len(entries), dtype=torch.float64))


def _positions(model: nn.Module, example_inputs: Mapping[str, Tensor]) -> dict[str, int]:
    """How often each weight of a layer is used for one sample, by path."""
    batch = len(next(iter(example_inputs.values())))
    uses: dict[str, int] = {}
    handles = []
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            width = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels

            def count(_: nn.Module, __: object, out: Tensor, path: str = path, width: int = width) -> None:
                uses[path] = uses.get(path, 0) + out.numel() // width // batch

            handles.append(layer.register_forward_hook(count))
    try:
        with evaluating(model):
            model(**example_inputs)
    finally:
        for handle in handles:
            handle.remove()
    return uses
