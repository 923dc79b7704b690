"""What layers read and give while a model is traced: the labels at every position of their axes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Axis, ReadsSeveral
from l0gm_edge.gates.activations import Activations, tensors
from l0gm_edge.gates.labels import ALWAYS
from l0gm_edge.gates.layers import (
    CHANNELWISE,
    CONVOLUTIONS,
    RECURRENT,
    TRANSPOSED,
    axis_width,
    is_grouped,
    is_rms_norm,
)
from l0gm_edge.gates.layout import Place


class Reader:
    """Records labels of layers' axes: `axes` by place, `given` those of fresh units by the layer that gives them."""

    def __init__(self, known: Activations) -> None:
        self.axes: dict[Place, Tensor] = {}
        self.given: dict[str, Tensor] = {}
        self._known = known

    def pass_layer(self, path: str, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Record one call of a layer, and label what it gave."""
        known, labels = self._known, self._known.labels
        labels.context = f"enters {type(layer).__name__} {path}"
        entered = list(tensors([args, kwargs]))
        if not entered:
            return
        x = entered[0]
        if isinstance(layer, nn.MultiheadAttention):
            self._attention(path, layer, args, kwargs, out)
            return
        if isinstance(layer, ReadsSeveral):
            for other in entered[1 : layer.inputs]:
                self._read(path, "in", known.labels_of(other), other.dim() - 1)
            entered = [x, *entered[layer.inputs :]]
        for other in entered[1:]:
            labels.freeze(known.labels_of(other))
        if isinstance(layer, RECURRENT):
            self._recurrent(path, layer, x, bool(entered[1:]), out)
        elif isinstance(layer, nn.Embedding):
            known.put(out, self._give(path, layer))
        elif is_grouped(layer):
            self._grouped(path, layer, x, out)
        elif isinstance(layer, nn.GroupNorm):
            channels = self._read(path, "out", known.labels_of(x), 1)
            if layer.num_groups > 1:
                labels.tie(channels.view(layer.num_groups, -1), [1])
            known.put(out, _along(channels, 1, out))
        elif isinstance(layer, (*CHANNELWISE, nn.LayerNorm)) or is_rms_norm(layer):
            self._elementwise(path, layer, x, out)
        else:
            dim = self._channel_dim(layer, x)
            self._read(path, "in", known.labels_of(x), dim)
            for result in tensors(out):
                known.put(result, _along(self._give(path, layer), self._channel_dim(layer, result), result))

    def _elementwise(self, path: str, layer: nn.Module, x: Tensor, out: Tensor) -> None:
        """A layer with a weight for each feature: it carries the units, unless units differ elsewhere as well."""
        labels, entering = self._known.labels, self._known.labels_of(x)
        dim = 1 if isinstance(layer, CHANNELWISE) else x.dim() - 1
        if labels.varies(entering, dim) and any(labels.varies(entering, one) for one in range(x.dim()) if one != dim):
            entering = labels.tie(entering, [dim])  # a norm within each head: whole heads are what is left
        if labels.varies(entering, dim) or not any(labels.varies(entering, one) for one in range(x.dim())):
            entering = _along(self._read(path, "out", entering, dim), dim, out)
        self._known.put(out, entering)

    def _grouped(self, path: str, layer: Any, x: Tensor, out: Tensor) -> None:
        """A convolution in groups: a group is one unit on both of its sides."""
        labels, dim = self._known.labels, self._channel_dim(layer, x)
        read = self._along_dim(self._known.labels_of(x), dim)
        groups = labels.tie(read.view(layer.groups, -1), [1])[:, 0]
        given = groups.repeat_interleave(layer.out_channels // layer.groups)
        if (path, "out") in self.axes:
            labels.merge(self.axes[path, "out"], given)
        else:
            self.axes[path, "out"] = given
        self._known.put(out, _along(given, self._channel_dim(layer, out), out))

    def _recurrent(self, path: str, layer: nn.RNNBase, x: Tensor, has_state: bool, out: Any) -> None:
        labels = self._known.labels
        self._read(path, "in", self._known.labels_of(x), x.dim() - 1)
        units = self._give(path, layer)
        if has_state:
            labels.freeze(units, "starts from a state that is given")
        for index, result in enumerate(tensors(out)):
            both = units.repeat(2) if index == 0 and layer.bidirectional else units
            if result.shape[-1] == len(both):
                self._known.put(result, _along(both, result.dim() - 1, result))
            else:
                labels.freeze(units)

    def _attention(
        self, path: str, layer: nn.MultiheadAttention, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> None:
        named = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
        for name, tensor in named.items():
            if not isinstance(tensor, Tensor):
                continue
            entering = self._known.labels_of(tensor)
            if name == "query" or (name in ("key", "value") and layer.in_proj_weight is not None):
                self._read(path, "in", entering, tensor.dim() - 1)
            else:
                self._known.labels.freeze(entering)
        self._known.put(out[0], _along(self._give(path, layer), out[0].dim() - 1, out[0]))

    def _give(self, path: str, layer: nn.Module) -> Tensor:
        """The labels of a layer's outputs: fresh at its first call, the same at any later one."""
        if path not in self.given:
            self.given[path] = self.axes[path, "out"] = self._known.labels.new(axis_width(layer, "out"))
        return self.given[path]

    def _read(self, path: str, axis: Axis, labels: Tensor, dim: int) -> Tensor:
        """Record what a layer reads at each position; a position with several labels cannot be cut."""
        along = self._along_dim(labels, dim)
        if (path, axis) in self.axes:
            self._known.labels.merge(self.axes[path, axis], along)
        else:
            self.axes[path, axis] = along
        return along

    def _along_dim(self, labels: Tensor, dim: int) -> Tensor:
        """The label at each position of a dimension; frozen where it is not the same over all others."""
        known = self._known.labels
        columns = known.roots(labels).movedim(dim, -1).reshape(-1, labels.shape[dim])
        if not len(columns):
            return torch.full((labels.shape[dim],), ALWAYS)
        clean = (columns == columns[0]).all(dim=0)
        if not clean.all():
            known.freeze(columns[:, ~clean])
        return torch.where(clean, columns[0], ALWAYS)

    @staticmethod
    def _channel_dim(layer: nn.Module, x: Tensor) -> int:
        """The dimension of a layer's features: the last, or that of channels, which a batch dimension may precede."""
        if isinstance(layer, CONVOLUTIONS + TRANSPOSED):
            return x.dim() - len(layer.kernel_size) - 1
        return x.dim() - 1


def _along(labels: Tensor, dim: int, like: Tensor) -> Tensor:
    shape = [1] * like.dim()
    shape[dim] = -1
    return labels.view(shape)
