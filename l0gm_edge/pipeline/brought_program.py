"""A torch.export program from outside as a network: called by name, any number of rows."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from l0gm_edge.compile import program_file
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.errors import RefusedInput

Shape = tuple[int, ...]
KINDS = {torch.float32: "float32", torch.int64: "int64"}


class Program(nn.Module):
    """An exported program, which runs rows one by one, since its batch may be fixed to 1."""

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    @classmethod
    def read(cls, path: Path, shapes: Mapping[str, Shape]) -> tuple[Self, tuple[TensorSpec, ...], Mapping[str, int]]:
        """The network in a .pt2 file, its inputs for one row, and, for ids, the largest of its example plus one.

        `shapes` fixes free axes; those it leaves free are as in the program's example. Raises RefusedInput.
        """
        program = program_file.read(path)
        args, kwargs = program.example_inputs or ((), {})
        names = list(program.graph_signature.user_inputs)
        given = [*args, *kwargs.values()]
        if len(names) != len(given) or not all(isinstance(one, Tensor) for one in given):
            raise _refused(path, "it takes other inputs than tensors", "bake constants in before exporting")
        named = dict(zip([*names[: len(args)], *kwargs], given, strict=True))
        if foreign := sorted(set(shapes) - set(named)):
            raise _refused(path, f"--shape names {', '.join(foreign)}; the inputs are {', '.join(named)}")
        free = _free_axes(program)
        inputs = tuple(
            _spec(name, value, shapes.get(name), free.get(own, set()), path)
            for (name, value), own in zip(named.items(), names, strict=True)
        )
        below = {
            name: int(value.max()) + 1
            for name, value in named.items()
            if value.dtype is torch.int64 and value.numel() and int(value.min()) >= 0
        }
        network = cls(_Positional(program.module(check_guards=False), len(args), list(kwargs)), list(named))
        _require_runs(network, inputs, path)
        return network, inputs, below

    def forward(self, **inputs: Tensor) -> Any:
        """The logits of every row."""
        values = [inputs[name] for name in self.names]
        rows = [self.network(*(value[row : row + 1] for value in values)) for row in range(len(values[0]))]
        return rows[0] if len(rows) == 1 else torch.cat(rows)

    def train(self, mode: bool = True) -> Self:
        """Remember the mode; an exported graph has but the one it was exported in."""
        self.training = mode
        return self


class _Positional(nn.Module):
    def __init__(self, network: nn.Module, args: int, keys: list[str]) -> None:
        super().__init__()
        self.network, self.args, self.keys = network, args, keys

    def forward(self, *values: Tensor) -> Any:
        found = self.network(*values[: self.args], **dict(zip(self.keys, values[self.args :], strict=True)))
        if isinstance(found, Mapping) and "logits" in found:
            return found["logits"]
        return found[0] if isinstance(found, tuple | list) and len(found) == 1 else found

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch copies its own tree specs in a way it warns of
            return type(self)(copy.deepcopy(self.network, memo), self.args, self.keys)

    def train(self, mode: bool = True) -> Self:
        self.training = mode
        return self


def _require_runs(network: nn.Module, inputs: tuple[TensorSpec, ...], path: Path) -> None:
    try:
        with torch.no_grad():
            network(**{spec.name: torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in inputs})
    except Exception as error:  # whatever an operator raises on what the file says
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise _refused(path, f"it does not run ({type(error).__name__}: {said})") from error


def _free_axes(program: ExportedProgram) -> dict[str, set[int]]:
    axes: dict[str, set[int]] = {}
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and isinstance(value, Tensor):
            axes[node.name] = {axis for axis, size in enumerate(value.shape) if not isinstance(size, int)}
    return axes


def _spec(name: str, value: Tensor, wanted: Shape | None, free: set[int], path: Path) -> TensorSpec:
    if value.dtype not in KINDS or value.dim() == 0:
        raise _refused(
            path, f"input '{name}' is {value.dtype} of shape {tuple(value.shape)}", "float32 or int64, a row a sample"
        )
    batch = 1 if 0 in free else value.shape[0]
    shape = wanted or (batch, *value.shape[1:])
    fixed = [axis for axis in range(value.dim()) if axis not in free]
    if len(shape) != value.dim() or any(shape[axis] != value.shape[axis] for axis in fixed if axis):
        raise _refused(path, f"--shape gives '{name}' {shape}; the program has {tuple(value.shape)}")
    if batch != 1 or shape[0] != 1:
        raise _refused(
            path, f"input '{name}' takes {max(batch, shape[0])} rows at once", "export with a batch of 1, or a free one"
        )
    return TensorSpec(name=name, shape=tuple(map(int, shape)), dtype=KINDS[value.dtype])


def _refused(path: Path, why: str, todo: str | None = None) -> RefusedInput:
    return RefusedInput(f"not a program that can be used: {why}", where=str(path), todo=todo)
