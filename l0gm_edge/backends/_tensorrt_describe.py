"""What is shipped beside an ONNX file bound for TensorRT, read off the file; and what a front end makes of both."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto

from l0gm_edge.backends import _child, _onnx_file
from l0gm_edge.backends._tensorrt_build import PACKAGES
from l0gm_edge.backends._tensorrt_graph import Graph, argument, label
from l0gm_edge.core import store
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, FrontEnd
from l0gm_edge.core.errors import ExportFailed, RefusedInput

HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
FREE = -1
_FLOATS: dict[int, str] = {TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16", TensorProto.BFLOAT16: "bf16"}
_ABSENT = FrontEnd(
    answer=Answer.NOT_VERIFIED,
    by=None,
    reason="neither tensorrt nor tensorrt_rtx_bindings is installed here: "
    "pip install --no-deps tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings",
)


def describe(model: Path, scheme: str, settings: EngineSettings) -> EngineDescription:
    """The description of an ONNX file, not yet verified.

    Raises RefusedInput where the settings do not fit it, or it does not hold its own weights.
    """
    read = _onnx_file.read(model)
    graph = Graph(read)
    _require_whole(graph, model)
    inputs = tuple(_spec(graph, value, model) for value in graph.inputs)
    _require_shapes(inputs, settings, model)
    return EngineDescription(
        model=model.name,
        sha256=store.file_sha256(model),
        scheme=scheme,
        opset=max(graph.opsets.get("", 0), graph.opsets.get("ai.onnx", 0), 1),
        inputs=inputs,
        outputs=tuple(_spec(graph, value, model) for value in graph.outputs),
        precisions={label(node): kind for node in graph.of(*HEAVY) if (kind := _precision(graph, node))},
        settings=settings,
        front_end=_ABSENT,
    )


def ask_front_end(model: Path, description: EngineDescription) -> FrontEnd:
    """Parse and build with TensorRT or TensorRT-RTX in a child process, where one is installed; never an estimate."""
    if not any(find_spec(name) for name in PACKAGES):
        return _ABSENT
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        told, answer = Path(folder) / "description.json", Path(folder) / "answer.json"
        store.write_value(told, description)
        try:
            _child.run(
                "l0gm_edge.backends._tensorrt_build",
                model.absolute(),
                told,
                answer,
                purpose="TensorRT's build",
            )
        except ExportFailed as error:  # the parser itself died
            return FrontEnd(answer=Answer.REFUSED, by=None, reason=error.what)
        return store.read_value(FrontEnd, answer)


def _precision(graph: Graph, node: onnx.NodeProto) -> str | None:
    """Int8 where both factors come dequantized from 8 bits, else the float type of what the node gives."""
    makers = [graph.makers.get(argument(node, index)) for index in range(2)]
    dequantized = [maker for maker in makers if maker is not None and maker.op_type == "DequantizeLinear"]
    if len(dequantized) == len(makers) and {graph.kind(one.input[0]) for one in dequantized} == {TensorProto.INT8}:
        return "int8"
    return _FLOATS.get(graph.kind(node.output[0]) or TensorProto.UNDEFINED)


def _spec(graph: Graph, value: onnx.ValueInfoProto, path: Path) -> TensorSpec:
    shape, kind = graph.shape(value.name), graph.kind(value.name)
    if shape is None or kind is None:
        raise RefusedInput(
            f"tensor {value.name} has no rank or type",
            where=str(path),
            todo="export with example inputs of a fixed rank; axes may be free, their number may not",
        )
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).name
    return TensorSpec(name=value.name, shape=tuple(FREE if axis is None else axis for axis in shape), dtype=dtype)


def _require_whole(graph: Graph, path: Path) -> None:
    """An engine is kept under the digest of one file, and no other file is read on its behalf."""
    outside = [name for name, tensor in graph.constants.items() if tensor.data_location == TensorProto.EXTERNAL]
    if outside:
        raise RefusedInput(
            f"{len(outside)} constants, {outside[0]} first, are stored outside the file",
            where=str(path),
            allowed="one .onnx file that holds its weights, below 2 GB",
            todo="load it with onnx.load where its data is, and write it again with onnx.save",
        )


def _require_shapes(inputs: tuple[TensorSpec, ...], settings: EngineSettings, path: Path) -> None:
    free = {spec.name: spec.shape for spec in inputs if FREE in spec.shape}
    if free.keys() != settings.shapes.keys():
        named, wanted = ", ".join(sorted(settings.shapes)) or "none", ", ".join(sorted(free)) or "none"
        raise RefusedInput(
            f"shapes are given for the inputs {named}; free axes are in {wanted}",
            where=str(path),
            allowed="least, usual and largest shape of each input with a free axis, and of no other",
        )
    for name, axes in free.items():
        for given in (settings.shapes[name].least, settings.shapes[name].largest):
            if len(given) != len(axes) or any(
                fixed not in (FREE, axis) for fixed, axis in zip(axes, given, strict=True)
            ):
                raise RefusedInput(f"shape {given} does not fit input {name}", where=str(path), allowed=str(axes))
