"""TensorRT: .onnx files, and what a device needs to know to build engines from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from l0gm_edge.backends import ModelFacts, Samples, _calibration_file, _child
from l0gm_edge.core import arrays, environment, store
from l0gm_edge.core.engine import IMPLICIT, Answer, EngineDescription, EngineSettings
from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.core.recipe import Quantize

EXTRA = "onnx"
SUFFIX = ".trt.onnx"
ALSO_RUNS = (".engine",)
PACKAGES = ("tensorrt",)
SCHEMES = {
    "fp32": "32-bit floats throughout",
    "fp16": "16-bit floats by casts in the file; routers and values too large for it stay 32-bit",
    "static_int8": "8-bit convolutions and linear layers, symmetric, in explicit pairs; the rest 32-bit floats",
    "int8_fp16": "8-bit convolutions and linear layers, symmetric, in explicit pairs; the rest 16-bit floats",
    IMPLICIT: "8 or 16 bits as TensorRT 10's own calibrator and builder choose on the device; not on 11",
}
RANGED = frozenset({"fp16", "static_int8", "int8_fp16", IMPLICIT})  # fp16 looks at ranges for what would overflow
OLDEST_OPSET = {"static_int8": 13, "int8_fp16": 19}
"""From where on ONNX has scales a channel, and scales in fp16."""
DESCRIPTION = ".json"
"""Takes the place of `.onnx` in the name of the description that is shipped beside the file."""
CALIBRATION = ".npz"
"""The same for the rows that TensorRT 10 calibrates with."""


def require_installed() -> None:
    """Raise MissingExtra unless all that converting and quantizing need is installed; TensorRT itself is not needed."""
    _require("compiling for TensorRT")


def convert(program: Path, output: Path) -> None:
    """Convert a torch.export program to fp32 ONNX, and describe it for the device.

    Raises MissingExtra, or ExportFailed also where the lint or a front end that is installed refuses the file.
    """
    convert_all({program: output})
    ship(output, "fp32", EngineSettings())


def convert_all(files: Mapping[Path, Path]) -> None:
    """Convert several programs, each to its own file, in one child process, without describing them."""
    _require("export to ONNX")
    pairs = [path for pair in files.items() for path in pair]
    _child.run("l0gm_edge.backends._onnx_convert", *pairs, purpose="the conversion to ONNX")


def quantize(source: Path, scheme: str, calibration: Samples, settings: Quantize, output: Path) -> None:
    """Write an fp32 ONNX file in another of `SCHEMES`, and describe it.

    Raises as `convert` does, DataError, and RefusedInput where the file's operator set is too old for the scheme.
    """
    _require("quantization for TensorRT")
    _calibration_file.require_fit(calibration, inspect(source))
    _require_opset(source, scheme)
    if scheme == IMPLICIT:  # the device quantizes: it gets the floats, and the rows
        store.write_bytes(output, source.read_bytes())
        arrays.write(output.with_suffix(CALIBRATION), calibration)
        ship(output, scheme, EngineSettings())
        return
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        samples = Path(folder) / "calibration.npz"
        _calibration_file.write(samples, calibration, settings)
        _child.run(
            "l0gm_edge.backends._tensorrt_quantize",
            source,
            scheme,
            samples,
            output,
            purpose=f"quantization to {scheme} for TensorRT",
        )
    ship(output, scheme, EngineSettings())


def inspect(model: Path) -> ModelFacts:
    """Inputs, outputs and operators of an ONNX file; weights stored outside it are not read. Raises RefusedInput."""
    environment.require("onnx", EXTRA, "reading an .onnx file")
    from l0gm_edge.backends import _onnx_file  # imports onnx

    return _onnx_file.facts(model)


def problems(model: Path) -> tuple[str, ...]:
    """The rules for TensorRT 10 and 11 that an ONNX file breaks: rule, node, what is wrong, way out.

    Raises MissingExtra or RefusedInput.
    """
    environment.require("onnx", EXTRA, "reading an .onnx file")
    from l0gm_edge.backends import _onnx_file, _tensorrt_lint  # import onnx

    return tuple(str(problem) for problem in _tensorrt_lint.lint(_onnx_file.read(model)))


def describe(model: Path, scheme: str, settings: EngineSettings) -> EngineDescription:
    """What a device needs to build an engine from a file, with a front end's answer where TensorRT is installed.

    Raises MissingExtra, or RefusedInput where the settings do not fit the file.
    """
    from l0gm_edge.backends import _tensorrt_describe  # imports onnx

    description = described(model, scheme, settings)
    return description.model_copy(update={"front_end": _tensorrt_describe.ask_front_end(model, description)})


def described(model: Path, scheme: str, settings: EngineSettings) -> EngineDescription:
    """As `describe`, with no front end asked. Raises as it does."""
    environment.require("onnx", EXTRA, "reading an .onnx file")
    from l0gm_edge.backends import _tensorrt_describe  # imports onnx

    description = _tensorrt_describe.describe(model, scheme, settings)
    if scheme != IMPLICIT:
        return description
    rows = store.file_sha256(model.with_suffix(CALIBRATION))
    wishes = dict.fromkeys(description.precisions, "int8")
    return description.model_copy(update={"precisions": wishes, "calibration_sha256": rows})


def ship(output: Path, scheme: str, settings: EngineSettings) -> None:
    """Write the description of a file that TensorRT should take; leave nothing of one that it will not.

    Raises ExportFailed where the lint or a front end refuses it, and as `describe` does.
    """
    found = problems(output)
    description = describe(output, scheme, settings)
    if not found and description.front_end.answer is not Answer.REFUSED:
        store.write_value(output.with_suffix(DESCRIPTION), description)
        return
    output.unlink()
    output.with_suffix(CALIBRATION).unlink(missing_ok=True)
    raise ExportFailed(
        "TensorRT does not take this model:\n" + "\n".join(found or (description.front_end.reason,)),
        where=output.name,
        todo="rewrite the operation that is named, or drop this runtime or scheme from the hardware profile",
    )


def _require_opset(source: Path, scheme: str) -> None:
    from l0gm_edge.backends import _onnx_file  # imports onnx

    found = max((one.version for one in _onnx_file.read(source).opset_import if not one.domain), default=0)
    oldest = OLDEST_OPSET.get(scheme, found)
    if found < oldest:
        raise RefusedInput(
            f"{scheme} cannot be written in operator set {found}",
            where=str(source),
            allowed=f"operator set {oldest} and later",
            todo="export again, or convert the file with onnx.version_converter",
        )


def _require(purpose: str) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        environment.require(package, EXTRA, purpose)
