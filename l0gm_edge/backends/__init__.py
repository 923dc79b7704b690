"""Runtimes to compile for. Each public file here is one, by its name in a profile; all conform to `Backend`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from l0gm_edge.core import plugins
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.dataset import Values
from l0gm_edge.core.hardware import MIXED as MIXED
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.value import Value

Samples = Mapping[str, Values]

FLOAT, STATIC, DYNAMIC = "float", "static", "dynamic"
"""Forms of a layer: as it is; 8 bits with ranges from the calibration set; 8-bit weights, ranges as they come."""


class ModelFacts(Value):
    """What a model file says of itself: inputs, outputs, and how often each operator stands in it.

    `float_ops` counts those that compute in floats, in files of runtimes that have operators on integers. `notes` were
    made of it when it was.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    ops: dict[str, int]
    float_ops: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Sensitivity(Value):
    """What int8 does to a model's outputs when one layer alone has it: the power of the noise over that of the outputs.

    Noise of several layers adds up where it is independent. An embedding multiplies nothing.
    """

    layer: str
    op: str
    form: str = STATIC
    multiplications: NonNegativeInt
    noise: NonNegativeFloat

    @property
    def sqnr_db(self) -> float:
        """The outputs' power above that of the noise, in decibels; infinite without noise."""
        return -10 * math.log10(self.noise) if self.noise else math.inf


class Sensitivities(Value):
    """Every layer of a model that can be quantized, in each form that it has."""

    layers: tuple[Sensitivity, ...]


class Forms(Value):
    """The form of each layer that is not to stay float."""

    layers: dict[str, str]


class LayerCost(Value):
    """What a layer takes on a device, with all that runs for it, and whether it is on the runtime's fast path."""

    ns: NonNegativeFloat
    fast: bool = True


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


class Mixing(Backend, Protocol):
    """A backend that has the scheme `MIXED`: every layer can have a form of its own."""

    def sensitivity(self, source: Path, calibration: Samples, settings: Quantize) -> tuple[Sensitivity, ...]:
        """What each layer of an fp32 file, alone in int8, does to the outputs.

        Ranges are found on all rows of `calibration`, noise on `subset_size` of them. Raises DataError, MissingExtra or
        ExportFailed.
        """

    def quantize_layers(
        self, source: Path, layers: Mapping[str, str], calibration: Samples, settings: Quantize, output: Path
    ) -> None:
        """Write an fp32 file with these layers in these forms, and all else in float.

        Raises RefusedInput when there are none, DataError, MissingExtra or ExportFailed.
        """

    def costs(self, source: Path, ran: Path, times: Sequence[LayerTime]) -> dict[str, LayerCost]:
        """The layers of the fp32 file `source` in a profile of `ran`, the same model in any form.

        `ran` is the graph that the runtime made of a file where it tells that, else the file. Layers that the profile
        does not show are left out.
        """


def plugin(name: str) -> Backend:
    """The backend of this name. Raises RecipeError when there is none."""
    return cast(Backend, plugins.load(__name__, name))


def mixing(name: str) -> Mixing:
    """The backend of this name, which must have the scheme `MIXED`. Raises RecipeError when there is none."""
    return cast(Mixing, plugins.load(__name__, name))
