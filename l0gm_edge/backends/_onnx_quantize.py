"""Child process: fp32 ONNX -> another scheme for ONNX Runtime. Arguments: SOURCE SCHEME CALIBRATION OUTPUT."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_dynamic
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from l0gm_edge import ranges as calibrators
from l0gm_edge.backends import Samples, _calibration_file, _onnx_file, _onnx_weights
from l0gm_edge.core import store
from l0gm_edge.core.recipe import Quantize

LINEAR = ("Gemm", "MatMul")
TABLE = "Gather"  # an embedding: no faster in 8 bits, but often most of the file
# Cheap to run on 8-bit values, so that neighbouring heavy operators need no conversion in between.
GLUE = ("Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "Concat")
# Below these sizes, and in depthwise convolutions, int8 is slower than float (x86 with VNNI, one thread, batch 1):
# benchmarks/results/presets-layers.md, docs/decisions/0004-quantization-presets.md.
SMALLEST_INPUT_CHANNELS = 8
SMALLEST_OUTPUT_CHANNELS = 16
SMALLEST_LINEAR_WEIGHTS = 192 * 192
OPSET_OF_16_BITS = 21
FLOAT_MODULES = "router"  # a rounding error there changes which experts answer


def static_int8(source: Path, calibration: Samples, settings: Quantize) -> onnx.ModelProto:
    """Quantize/dequantize pairs around the operators that gain from it: uint8 activations, int8 weights a channel.

    Where no operator is large enough, all heavy ones are quantized, for the size of the file. Full 8-bit ranges: the
    saturating instruction that would need 7 bits is gone from CPUs with VNNI, and accuracy is checked on the device.
    """
    model = onnx.shape_inference.infer_shapes(_onnx_file.read(source))
    heavy = [node.name for node in _heavy(model)]
    faster = [node.name for node in _heavy(model) if _gains(node, _onnx_file.weights(model))]
    glue = [node.name for node in model.graph.node if node.op_type in GLUE]
    tables = [node.name for node in model.graph.node if node.op_type == TABLE]
    samples = _calibration_file.rows(calibration)
    ranges = calibrators.observe(_activations(model, samples), len(samples), settings)
    return _with_pairs(model, (faster or heavy) + glue + tables, ranges, QuantType.QUInt8)


def w8a16(source: Path, calibration: Samples, settings: Quantize) -> onnx.ModelProto:
    """Int8 weights a channel, uint16 activations, in convolutions and linear layers; embeddings in int8."""
    model = onnx.shape_inference.infer_shapes(_onnx_file.at_opset(_onnx_file.read(source), OPSET_OF_16_BITS))
    samples = _calibration_file.rows(calibration)
    ranges = calibrators.observe(_activations(model, samples), len(samples), settings)
    paired = _with_pairs(model, [node.name for node in _heavy(model)], ranges, QuantType.QUInt16)
    return _onnx_weights.integers(paired, (), bits=8)


def weight_only(source: Path, bits: int) -> onnx.ModelProto:
    """Linear layers with weights of 8 or 4 bits and embeddings of 8, computed in floats; the router stays float."""
    model = _onnx_file.read(source)
    return _onnx_weights.integers(model, [node for node in _heavy(model) if node.op_type in LINEAR], bits)


def _with_pairs(
    model: onnx.ModelProto, nodes: list[str], ranges: Mapping[str, calibrators.Range], activations: QuantType
) -> onnx.ModelProto:
    """Quantize/dequantize pairs around these nodes."""
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=activations,
        tensors_range=_tensors_data(ranges),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv", *LINEAR, *GLUE, TABLE],
        extra_options={},
    )
    quantizer.quantize_model()
    quantized: onnx.ModelProto = quantizer.model.model
    return quantized


def dynamic_int8(source: Path) -> onnx.ModelProto:
    """Linear layers and embeddings with int8 weights; what layers read is quantized at each inference."""
    model = _onnx_file.read(source)
    # The quantizer first splits every Gemm, and names its half `<name>_MatMul`.
    kept = [node.name for node in model.graph.node if FLOAT_MODULES in node.name]
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        quantized = Path(folder) / "dynamic.onnx"
        quantize_dynamic(
            model,
            quantized,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[name + suffix for name in kept for suffix in ("", "_MatMul")],
            op_types_to_quantize=[*LINEAR, TABLE],
        )
        return onnx.load(quantized)


def _heavy(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    constants = _onnx_file.weights(model)
    return [
        node
        for node in model.graph.node
        if node.op_type in ("Conv", *LINEAR) and node.input[1] in constants and FLOAT_MODULES not in node.name
    ]


def _gains(node: onnx.NodeProto, constants: Mapping[str, tuple[int, ...]]) -> bool:
    shape = constants[node.input[1]]
    if node.op_type == "Conv":
        return shape[0] >= SMALLEST_OUTPUT_CHANNELS and shape[1] >= SMALLEST_INPUT_CHANNELS
    return math.prod(shape) >= SMALLEST_LINEAR_WEIGHTS


def _activations(model: onnx.ModelProto, samples: list[dict[str, Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    """Every float tensor of the graph, inputs included, for each sample."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    given = {output.name for output in watched.graph.output}
    floats = [v for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
    watched.graph.output.extend(value for value in floats if value.name not in given)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for sample in samples:
        yield {**sample, **dict(zip(names, session.run(names, sample), strict=True))}


def _tensors_data(ranges: Mapping[str, calibrators.Range]) -> TensorsData:
    data = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, data)


def main(source: str, scheme: str, calibration: str, output: str) -> None:
    """Quantize and write one model."""
    samples, settings = _calibration_file.read(Path(calibration))
    write = {
        "static_int8": lambda: static_int8(Path(source), samples, settings),
        "dynamic_int8": lambda: dynamic_int8(Path(source)),
        "w8a16": lambda: w8a16(Path(source), samples, settings),
        "weight_int8": lambda: weight_only(Path(source), bits=8),
        "weight_int4": lambda: weight_only(Path(source), bits=4),
        "fp16": lambda: _onnx_weights.fp16(_onnx_file.read(Path(source))),
    }
    model = _onnx_file.stripped(write[scheme]())
    store.write_bytes(Path(output), model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
