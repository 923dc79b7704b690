"""Runtimes to compile for. Each public file here is one, by its name in a profile; all conform to `Backend`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from l0gm_edge.core import plugins
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.dataset import Values
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.value import Value

Samples = Mapping[str, Values]


class ModelFacts(Value):
    """What a model file says of itself: inputs, outputs, and how often each operator stands in it.

    `float_ops` counts those that compute in floats, in files of runtimes that have operators on integers.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    ops: dict[str, int]
    float_ops: dict[str, int] = Field(default_factory=dict)


class Sensitivity(Value):
    """What int8 does to a model's outputs when one layer alone has it: the power of the noise over that of the outputs.

    Noise of several layers adds up where it is independent.
    """

    layer: str
    op: str
    multiplications: NonNegativeInt
    noise: NonNegativeFloat

    @property
    def sqnr_db(self) -> float:
        """The outputs' power above that of the noise, in decibels; infinite without noise."""
        return -10 * math.log10(self.noise) if self.noise else math.inf


class Sensitivities(Value):
    """Every layer of a model that can be quantized."""

    layers: tuple[Sensitivity, ...]


class Backend(Protocol):
    """What a file of this folder defines. Heavy packages are imported inside the functions."""

    EXTRA: str
    """The optional dependencies that install it: `pip install 'l0gm-edge[EXTRA]'`."""
    PACKAGES: tuple[str, ...]
    """The distributions that are this runtime; the version of one is the runtime's."""
    SUFFIX: str
    """File ending, with the dot."""
    ALSO_RUNS: tuple[str, ...]
    """Endings of other files that the runtime runs."""
    SCHEMES: Mapping[str, str]
    """Numeric schemes by the name users know, with a one-line description; `fp32` always is one."""

    RANGED: frozenset[str]
    """The schemes whose activation ranges come from the calibration set; the others give the same file without."""

    def require_installed(self) -> None:
        """Raise MissingExtra unless all that converting, quantizing and running need is installed."""

    def convert(self, program: Path, output: Path) -> None:
        """Convert a torch.export program (.pt2, batch fixed to 1) to an fp32 file, in a child process.

        An ONNX graph of the same kind (.onnx) is taken too, where there is a way from it to the runtime.
        Raises MissingExtra or ExportFailed.
        """

    def convert_all(self, files: Mapping[Path, Path]) -> None:
        """Convert several programs, each to its own file, in one child process; raises as `convert` does."""

    def quantize(self, source: Path, scheme: str, calibration: Samples, settings: Quantize, output: Path) -> None:
        """Write `source`, an fp32 file, in another scheme. `calibration` is (n, *shape) a named input."""

    def inspect(self, model: Path) -> ModelFacts:
        """Read a model file's inputs, outputs and operators. Raises RefusedInput when it is not one."""


def plugin(name: str) -> Backend:
    """The backend of this name. Raises RecipeError when there is none."""
    return cast(Backend, plugins.load(__name__, name))
