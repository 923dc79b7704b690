"""ONNX Runtime: .onnx files for its CPU kernels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from l0gm_edge.backends import ModelFacts, Samples, _calibration_file, _child
from l0gm_edge.core import arrays, environment
from l0gm_edge.core.recipe import Quantize

EXTRA = "onnx"
PACKAGES = ("onnxruntime",)
SUFFIX = ".onnx"
SCHEMES = {
    "fp32": "32-bit floats throughout",
    "static_int8": "8-bit convolutions and large linear layers, where int8 is faster, and embeddings",
    "dynamic_int8": "8-bit weights in linear layers and embeddings, activations quantized as they come; a smaller file",
}
RANGED = frozenset({"static_int8"})


def require_installed() -> None:
    """Raise MissingExtra unless all that converting, quantizing and running need is installed."""
    _require("compiling for ONNX Runtime")


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
    _require("quantization for ONNX Runtime")
    _calibration_file.require_fit(calibration, inspect(source))
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        samples = Path(folder) / "calibration.npz"
        _calibration_file.write(samples, calibration, settings)
        _child.run(
            "l0gm_edge.backends._onnx_quantize",
            source,
            scheme,
            samples,
            output,
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


def inspect(model: Path) -> ModelFacts:
    """Inputs, outputs and operators of an ONNX file; weights stored outside it are not read. Raises RefusedInput."""
    environment.require("onnx", EXTRA, "reading an .onnx file")
    from l0gm_edge.backends import _onnx_file  # imports onnx

    return _onnx_file.facts(model)


def _require(purpose: str) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        environment.require(package, EXTRA, purpose)
