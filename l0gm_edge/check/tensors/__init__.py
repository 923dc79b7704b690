"""Looking inside model files. Each public file of this folder does so for the runtime it is named after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import plugins
from l0gm_edge.core.dataset import Values

Floats = NDArray[np.float32]


class Tensor(NamedTuple):
    """What one layer gave: `values` is (n, ...), one row an input row; integers are dequantized."""

    layer: str
    values: Floats


class TensorReader(Protocol):
    """What a file of this folder defines."""

    HOST: str
    """The runtime that runs such files on the host."""

    def expose(self, model: Path, copy: Path) -> bool:
        """Write a copy of the file whose inner tensors are outputs too; False where that cannot be."""

    def named(self, model: Path, outputs: Mapping[str, Floats]) -> dict[str, Tensor]:
        """What the copy of `expose` gave, (n, ...) each, as `tensors` has it; other names are passed over."""

    def tensors(self, model: Path, inputs: Mapping[str, Values]) -> dict[str, Tensor]:
        """Every float or quantized tensor by name, in the order of computing; `inputs[name]` is (n, *shape)."""


def names() -> tuple[str, ...]:
    """The runtimes whose files can be looked into, sorted."""
    return plugins.names(__name__)


def plugin(runtime: str) -> TensorReader:
    """The reader for a runtime's files. Raises RecipeError when there is none."""
    return cast(TensorReader, plugins.load(__name__, runtime))
