"""ONNX Runtime: .onnx files for its CPU kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from l0gm_edge.backends import (
    Forms,
    LayerCost,
    ModelFacts,
    Samples,
    Sensitivities,
    Sensitivity,
    _calibration_file,
    _child,
)
from l0gm_edge.core import arrays, environment, store
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.finish import Level
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.recipe import Quantize

EXTRA = "onnx"
PACKAGES = ("onnxruntime",)
SUFFIX = ".onnx"
ALSO_RUNS = (".ort",)
SCHEMES = {
    "fp32": "32-bit floats throughout",
    "fp16": "16-bit weights, computed in 32-bit floats; half the file",
    "static_int8": "8-bit convolutions and large linear layers, where int8 is faster, and embeddings",
    "mixed_int8": "8 bits in the layers that gain from it on the device and bear it",
    "dynamic_int8": "8-bit weights in linear layers and embeddings, activations quantized as they come; a smaller file",
    "w8a16": "8-bit weights, 16-bit activations in all heavy layers: for NPUs, slow on CPUs",
    "weight_int8": "8-bit weights in linear layers and embeddings, computed in floats; needs no calibration",
    "weight_int4": "4-bit weights in linear layers, 8-bit embeddings, computed in floats; needs no calibration",
}
RANGED = frozenset({"static_int8", "mixed_int8", "w8a16"})


def require_installed() -> None:
    """Raise MissingExtra unless all that converting, quantizing and running need is installed."""
    _require("compiling for ONNX Runtime")


def providers() -> tuple[str, ...]:
    """The execution providers that the installed runtime was built with, by their full names. Raises MissingExtra."""
    environment.require("onnxruntime", EXTRA, "running an .onnx file")
    from onnxruntime import get_available_providers

    return tuple(get_available_providers())


def convert(program: Path, output: Path) -> None:
    """Convert a torch.export program to fp32 ONNX, graph simplified, inputs named as the model's arguments.

    An .onnx program, of fixed shapes, is simplified alone. Raises MissingExtra or ExportFailed.
    """
    convert_all({program: output})


def convert_all(files: Mapping[Path, Path]) -> None:
    """Convert several programs, each to its own file, in one child process. Raises as `convert` does."""
    _require("export to ONNX")
    pairs = [path for pair in files.items() for path in pair]
    _child.run("l0gm_edge.backends._onnx_convert", *pairs, purpose="the conversion to ONNX")


def quantize(source: Path, scheme: str, calibration: Samples, settings: Quantize, output: Path) -> None:
    """Write an fp32 ONNX file in another of `SCHEMES`. Raises DataError, MissingExtra or ExportFailed."""
    _quantize(source, scheme, calibration, settings, output, {})


def quantize_layers(
    source: Path, layers: Mapping[str, str], calibration: Samples, settings: Quantize, output: Path
) -> None:
    """Write an fp32 ONNX file with these layers, by the names of their nodes, in static int8, and all else in float.

    Raises RefusedInput when there are none, DataError, MissingExtra or ExportFailed.
    """
    if not layers:
        raise RefusedInput("no layer was named to quantize", where=str(source), todo="ship the float file")
    _quantize(source, "static_int8", calibration, settings, output, layers)


def sensitivity(source: Path, calibration: Samples, settings: Quantize) -> tuple[Sensitivity, ...]:
    """What each convolution, linear layer and embedding of an fp32 ONNX file, alone in int8, does to the outputs.

    Ranges are found on all rows of `calibration`, noise on `subset_size` of them. Raises DataError, MissingExtra or
    ExportFailed.
    """
    _require("measuring the sensitivity of layers")
    _calibration_file.require_fit(calibration, inspect(source))
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        samples, found = Path(folder) / "calibration.npz", Path(folder) / "found.json"
        _calibration_file.write(samples, calibration, settings)
        _child.run(
            "l0gm_edge.backends._onnx_mixed", source, samples, found, purpose="measuring the sensitivity of layers"
        )
        return store.read_value(Sensitivities, found).layers


def costs(source: Path, ran: Path, times: Sequence[LayerTime]) -> dict[str, LayerCost]:
    """The layers of the fp32 file `source` in a profile of the graph that ran, of the same model in any form."""
    from l0gm_edge.backends import _onnx_file, _onnx_ran  # they import onnx

    return _onnx_ran.costs(_onnx_file.read(source), _onnx_file.read(ran), times)


def left_in_float(graph: Path) -> tuple[str, ...]:
    """Operators of a graph that ran which stand in float between conversions, in words."""
    environment.require("onnx", EXTRA, "reading the graph that ran")
    from l0gm_edge.backends import _onnx_file, _onnx_ran

    return _onnx_ran.left_in_float(_onnx_file.read(graph))


def _quantize(
    source: Path, scheme: str, calibration: Samples, settings: Quantize, output: Path, layers: Mapping[str, str]
) -> None:
    _require("quantization for ONNX Runtime")
    _calibration_file.require_fit(calibration, inspect(source))
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        samples, forms = Path(folder) / "calibration.npz", Path(folder) / "forms.json"
        _calibration_file.write(samples, calibration, settings)
        store.write_value(forms, Forms(layers=dict(layers)))
        _child.run(
            "l0gm_edge.backends._onnx_quantize",
            source,
            scheme,
            samples,
            output,
            forms,
            purpose=f"quantization to {scheme} for ONNX Runtime",
        )


def outputs(model: Path, samples: Samples) -> Samples:
    """What an .onnx file gives as it stands, without any optimization: (n, *shape) by output name.

    It runs in a child process, within limits of memory and time. Raises ExportFailed when ONNX Runtime cannot run it.
    """
    _require("running an .onnx file")
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        given, found = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        arrays.write(given, samples)
        _child.run("l0gm_edge.backends._onnx_reference", model, given, found, purpose="running the model as it is")
        return arrays.read(found)


def optimize(model: Path, level: Level, *, arm: bool, as_onnx: Path, as_ort: Path, operators: Path) -> None:
    """Write a graph optimised ahead as .onnx and .ort, and the operators that a reduced build of the runtime needs.

    The files run wherever the runtime does; where int8 is in them, they are fastest on the architecture that `arm`
    tells. Raises MissingExtra or ExportFailed.
    """
    _require("optimising an .onnx file ahead")
    # Tables of an .ort stand in the order of their addresses, and those follow from how long the paths are and from
    # whether Python has compiled its modules before: so the names are always the same, and the second time counts.
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        source, *made = (Path(folder) / name for name in ("model.onnx", "optimized.onnx", "optimized.ort", "operators"))
        copyfile(model, source)
        for _ in range(2):
            _child.run(
                "l0gm_edge.backends._onnx_optimize",
                source,
                level,
                str(int(arm)),
                *made,
                purpose="optimising the graph ahead",
            )
        for path, target in zip(made, (as_onnx, as_ort, operators), strict=True):
            copyfile(path, target)


def inspect(model: Path) -> ModelFacts:
    """Inputs, outputs and operators of an ONNX file; weights stored outside it are not read. Raises RefusedInput."""
    environment.require("onnx", EXTRA, "reading an .onnx file")
    from l0gm_edge.backends import _onnx_file  # imports onnx

    return _onnx_file.facts(model)


def _require(purpose: str) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        environment.require(package, EXTRA, purpose)
