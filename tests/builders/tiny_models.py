"""Linear models `y = x W^T + b` (4 inputs, 3 outputs) as .onnx and .tflite files, made without torch or converter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

WEIGHT: Array = np.array([[1, -2, 3, 0.5], [0.25, 1, -1, 2], [-1, 0.5, 0, 1]], dtype=np.float32)
BIAS: Array = np.array([0.5, -0.25, 1], dtype=np.float32)
INPUT_SCALE, INPUT_ZERO = 0.05, 3
WEIGHT_SCALE = 0.03
OUTPUT_SCALE, OUTPUT_ZERO = 0.1, -5


def linear(x: Array) -> Array:
    """What the models compute, for rows (n, 4)."""
    return x @ WEIGHT.T + BIAS


def write_onnx(path: Path, *, rows: int | str = 1, outputs: int = 1) -> Path:
    """The model for ONNX Runtime; `rows` may be a name (a free batch axis), further outputs repeat the first."""
    from onnx import TensorProto, helper, numpy_helper, save

    names = ["y", *(f"y{index}" for index in range(1, outputs))]
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="linear", transB=1)]
    nodes += [helper.make_node("Identity", ["y"], [name]) for name in names[1:]]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, 3]) for name in names],
        [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(BIAS, "b")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def write_lookup(path: Path, kind: str) -> Path:
    """A model for ONNX Runtime that looks token ids `text` (1, 2), of type int32 or int64, up in WEIGHT: (1, 2, 4)."""
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        [helper.make_node("Gather", ["w", "text"], ["y"], name="embedding")],
        "lookup",
        [helper.make_tensor_value_info("text", getattr(TensorProto, kind.upper()), [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 4])],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def write_tflite(path: Path, *, int8: bool = False, signature: bool = True, fallback: bool = False) -> Path:
    """The model for LiteRT, with float32 or quantized int8 inputs and outputs, with or without a signature.

    `fallback` appends an operator that the XNNPACK delegate does not take: FLOOR_MOD by a million.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    buffers = [schema.BufferT()]

    def tensor(name: str, shape: list[int], kind: int, data: bytes | None, scale: float = 0, zero: int = 0) -> object:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, shape, kind, 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data, dtype=np.uint8)
            buffers.append(buffer)
            made.buffer = len(buffers) - 1
        if scale:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
        return made

    kind = schema.TensorType.INT8 if int8 else schema.TensorType.FLOAT32
    if int8:
        weight = np.rint(WEIGHT / WEIGHT_SCALE).astype(np.int8).tobytes()
        bias = np.rint(BIAS / (WEIGHT_SCALE * INPUT_SCALE)).astype(np.int32).tobytes()
        bias_kind = schema.TensorType.INT32
    else:
        weight, bias, bias_kind = WEIGHT.tobytes(), BIAS.tobytes(), kind
    scales = (INPUT_SCALE, WEIGHT_SCALE, INPUT_SCALE * WEIGHT_SCALE, OUTPUT_SCALE) if int8 else (0.0, 0.0, 0.0, 0.0)
    tensors = [
        tensor("serving_x", [1, 4], kind, None, scales[0], INPUT_ZERO),
        tensor("weight", [3, 4], kind, weight, scales[1]),
        tensor("bias", [3], bias_kind, bias, scales[2]),
        tensor("serving_y", [1, 3], kind, None, scales[3], OUTPUT_ZERO),
    ]
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    operators, codes = [operator], [_code(schema, schema.BuiltinOperator.FULLY_CONNECTED, version=4 if int8 else 1)]
    if fallback:
        tensors.append(tensor("modulus", [1], kind, np.array([1e6], dtype=np.float32).tobytes()))
        tensors.append(tensor("serving_z", [1, 3], kind, None))
        second = schema.OperatorT()
        second.opcodeIndex, second.inputs, second.outputs = 1, [3, 4], [5]
        operators.append(second)
        codes.append(_code(schema, schema.BuiltinOperator.FLOOR_MOD, version=1))
    subgraph = schema.SubGraphT()
    last = len(tensors) - 1 if fallback else 3
    subgraph.tensors, subgraph.operators = tensors, operators
    subgraph.inputs, subgraph.outputs, subgraph.name = [0], [last], "main"
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [subgraph], codes, buffers
    if signature:
        model.signatureDefs = [_signature(schema, 0, last)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _code(schema: object, operator: int, version: int) -> object:
    code = schema.OperatorCodeT()  # type: ignore[attr-defined]
    code.builtinCode, code.deprecatedBuiltinCode, code.version = operator, operator, version
    return code


def _signature(schema: object, source: int, result: int) -> object:
    made = schema.SignatureDefT()  # type: ignore[attr-defined]
    ends = []
    for name, index in (("x", source), ("y", result)):
        end = schema.TensorMapT()  # type: ignore[attr-defined]
        end.name, end.tensorIndex = name, index
        ends.append(end)
    made.inputs, made.outputs, made.signatureKey, made.subgraphIndex = ends[:1], ends[1:], "serving_default", 0
    return made
