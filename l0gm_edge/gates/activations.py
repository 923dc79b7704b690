"""What tracing knows of the tensors that pass by: the label of every element, and the calls that they pass through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import resolve_name

from l0gm_edge.gates.labels import ALWAYS, Labels


def names(text: str) -> frozenset[str]:
    """Names of functions, written one after the other."""
    return frozenset(text.split())


LARGEST = 1 << 22
"""Elements of the largest bare parameter whose elements get a label each."""
QUERIES = names(
    """
    size dim ndimension numel nelement len stride is_floating_point is_complex is_contiguous get_device hash
    element_size data_ptr storage_offset type register_hook repr format
    """
)
"""Functions that tell of a tensor nothing that its values decide."""


class Activations:
    """The label of every element of every tensor that came out of a layer, or that is a bare parameter or buffer.

    `bare` holds parameters and buffers that no known layer owns, by id, with their paths; each gets labels of its own
    when it is first met, kept in `carried`. `place` is the path of the module that is running.
    """

    def __init__(self, labels: Labels, bare: Mapping[int, str] | None = None) -> None:
        self.labels = labels
        self.place = ""
        self.carried: dict[str, Tensor] = {}
        self.heads: list[Tensor] = []
        self._bare = bare or {}
        self._of: dict[int, tuple[Tensor, Tensor]] = {}

    def labels_of(self, tensor: Tensor) -> Tensor:
        """Labels of a tensor's shape; ALWAYS where no layer gave them."""
        known = self._of.get(id(tensor))
        if known is not None:
            return known[1]
        if self._carries(tensor):
            labels = self.labels.new(tensor.numel(), loose=True).view(tensor.shape)
            self.carried[self._bare[id(tensor)]] = labels
            self._of[id(tensor)] = tensor, labels
            return labels
        return torch.full((), ALWAYS).expand(tensor.shape)

    def is_labelled(self, tensor: Tensor) -> bool:
        """Whether the tensor's elements come from a layer, or from a bare parameter."""
        return id(tensor) in self._of or self._carries(tensor)

    def put(self, tensor: Tensor, labels: Tensor) -> None:
        """Label a tensor; it is kept alive, so that its id stays its own."""
        self._of[id(tensor)] = tensor, self.labels.settled(labels.expand(tensor.shape))

    def _carries(self, tensor: Tensor) -> bool:
        return id(tensor) in self._bare and tensor.dim() > 0 and tensor.numel() <= LARGEST


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

    def argument(self, position: int, *names: str) -> Any:
        """An argument by position or by one of its names; None when it is not given."""
        if len(self.args) > position:
            return self.args[position]
        return next((self.kwargs[name] for name in names if name in self.kwargs), None)


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
