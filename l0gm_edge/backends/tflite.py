"""TFLite: .tflite files for LiteRT and the older TFLite runtimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from l0gm_edge.backends import (
    MIXED,
    Forms,
    LayerCost,
    ModelFacts,
    Samples,
    Sensitivities,
    Sensitivity,
    _calibration_file,
    _child,
)
from l0gm_edge.core import environment, store
from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.recipe import Quantize

EXTRA = "tflite"
INSTALL_IMPORTER = (
    "pip install --no-deps 'onnx2pytorch>=0.6' (the extra onnx-import; with its dependencies it would replace torch)"
)
PACKAGES = ("ai-edge-litert", "tflite-runtime")
SUFFIX = ".tflite"
ALSO_RUNS = ()
SCHEMES = {
    "fp32": "32-bit floats throughout",
    "fp16": "16-bit weights, computed in 32-bit floats (16-bit on GPUs); half the file",
    "dynamic_int8": "8-bit weights, activations quantized as they come; needs no calibration",
    "static_int8": "8-bit weights and activations in convolutions and linear layers, float elsewhere",
    "full_int8": "8-bit weights and activations in every operator that has such a form; float inputs and outputs",
    "integer_only": "as full_int8, without any float, inputs and outputs included: for NPUs and microcontrollers",
    "mixed_int8": "8 bits, static or dynamic, in the layers that gain from it on the device and bear it",
    "w8a16": "8-bit weights, 16-bit activations in all heavy layers: for NPUs, slow on CPUs",
    "weight_int8": "8-bit weights, computed in floats; needs no calibration",
    "weight_int4": "4-bit weights in linear layers and embeddings, 8-bit in convolutions, computed in floats",
    "dynamic_int4": "4-bit weights in linear layers and embeddings, activations quantized as they come",
}
RANGED = frozenset({"static_int8", "full_int8", "integer_only", "mixed_int8", "w8a16"})


def require_installed() -> None:
    """Raise MissingExtra unless all that converting, quantizing and running need is installed."""
    for package in ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"):
        environment.require(package, EXTRA, "compiling for TFLite")


def convert(program: Path, output: Path) -> None:
    """Convert a torch.export program to fp32 TFLite, inputs named as the model's arguments.

    An .onnx program, of fixed shapes, is imported into torch first. Raises MissingExtra or ExportFailed.
    """
    convert_all({program: output})


def convert_all(files: Mapping[Path, Path]) -> None:
    """Convert several programs, each to its own file, in one child process. Raises as `convert` does."""
    environment.require("litert_torch", EXTRA, "conversion to TFLite")
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        pairs = [path for source, output in files.items() for path in (_program(source, Path(folder)), output)]
        _child.run("l0gm_edge.backends._tflite_convert", *pairs, purpose="the conversion to TFLite")


def _program(source: Path, folder: Path) -> Path:
    """The torch.export program of a source; one that is ONNX goes into the folder."""
    if source.suffix != ".onnx":
        return source
    environment.require("onnx2pytorch", "onnx-import", "going from .onnx to TFLite", INSTALL_IMPORTER)
    program = folder / f"{source.stem}.pt2"
    _child.run("l0gm_edge.backends._onnx_import", source, program, purpose="the import of ONNX into torch")
    return program


def quantize(source: Path, scheme: str, calibration: Samples, settings: Quantize, output: Path) -> None:
    """Write an fp32 TFLite file in another of `SCHEMES`.

    Raises DataError, MissingExtra or ExportFailed, also where `integer_only` would leave an operator in floats.
    """
    _quantize(source, scheme, calibration, settings, output, {})


def quantize_layers(
    source: Path, layers: Mapping[str, str], calibration: Samples, settings: Quantize, output: Path
) -> None:
    """Write an fp32 TFLite file with these layers, by what they give, in static or dynamic int8, all else in float.

    Raises RefusedInput when there are none, or for one that the file lacks; DataError, MissingExtra or ExportFailed.
    """
    if not layers:
        raise RefusedInput("no layer was named to quantize", where=str(source), todo="ship the float file")
    _quantize(source, MIXED, calibration, settings, output, layers)


def sensitivity(source: Path, calibration: Samples, settings: Quantize) -> tuple[Sensitivity, ...]:
    """What each layer of an fp32 TFLite file, alone in static or in dynamic int8, does to the outputs.

    Ranges are found on all rows of `calibration`, noise on `subset_size` of them. Raises DataError, MissingExtra or
    ExportFailed.
    """
    purpose = "measuring the sensitivity of layers"
    environment.require("ai_edge_quantizer", EXTRA, purpose)
    _calibration_file.require_fit(calibration, inspect(source))
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        samples, found = Path(folder) / "calibration.npz", Path(folder) / "found.json"
        _calibration_file.write(samples, calibration, settings)
        _child.run("l0gm_edge.backends._tflite_mixed", source, samples, found, purpose=purpose)
        return store.read_value(Sensitivities, found).layers


def costs(source: Path, ran: Path, times: Sequence[LayerTime]) -> dict[str, LayerCost]:
    """The layers of the fp32 file `source` in a profile of the file that ran, of the same model in any form."""
    from l0gm_edge.backends import _tflite_file, _tflite_ran  # they import ai_edge_litert

    return _tflite_ran.costs(_tflite_file.read(source), _tflite_file.read(ran), times)


def _quantize(
    source: Path, scheme: str, calibration: Samples, settings: Quantize, output: Path, layers: Mapping[str, str]
) -> None:
    environment.require("ai_edge_quantizer", EXTRA, "quantization for TFLite")
    _calibration_file.require_fit(calibration, inspect(source))
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        samples, forms = Path(folder) / "calibration.npz", Path(folder) / "forms.json"
        _calibration_file.write(samples, calibration, settings)
        store.write_value(forms, Forms(layers=dict(layers)))
        _child.run(
            "l0gm_edge.backends._tflite_quantize",
            source,
            scheme,
            samples,
            output,
            forms,
            purpose=f"quantization to {scheme} for TFLite",
        )
    if scheme == "integer_only":
        _require_no_floats(output)


def _require_no_floats(output: Path) -> None:
    """Leave nothing of a file that computes in floats."""
    left = inspect(output).float_ops
    if left:
        output.unlink()
        raise ExportFailed(
            f"{', '.join(f'{name} ({count}x)' for name, count in left.items())} would stay in floats",
            where=output.name,
            allowed="operators that have an 8-bit form, with 8-bit inputs",
            todo="replace the layers they come from, or take full_int8, which leaves them in floats",
        )


def inspect(model: Path) -> ModelFacts:
    """Inputs, outputs and operators of a TFLite file, without running it. Raises RefusedInput."""
    environment.require("ai_edge_litert", "tflite-runtime", "reading a .tflite file")
    from l0gm_edge.backends import _tflite_file  # imports ai_edge_litert

    return _tflite_file.facts(_tflite_file.read(model), model)
