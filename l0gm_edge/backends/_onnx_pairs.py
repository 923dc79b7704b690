"""Quantize/dequantize pairs in an ONNX graph, over ranges found on a calibration set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from l0gm_edge import ranges as calibrators
from l0gm_edge.backends import _onnx_layers
from l0gm_edge.core.recipe import Quantize

Sample = Mapping[str, NDArray[Any]]
Ranges = Mapping[str, calibrators.Range]


def ranges(model: onnx.ModelProto, samples: Sequence[Sample], settings: Quantize) -> dict[str, calibrators.Range]:
    """The range of every float tensor of a graph with inferred shapes, inputs included. Raises DataError."""
    return calibrators.observe(_activations(model, samples), len(samples), settings)


def with_pairs(
    model: onnx.ModelProto, nodes: Sequence[str], found: Ranges, activations: QuantType = QuantType.QUInt8
) -> onnx.ModelProto:
    """A copy with pairs around these nodes: int8 weights, a scale a channel, and full 8-bit ranges.

    The saturating instruction that would need 7 bits is gone from CPUs with VNNI, and accuracy is checked on the
    device.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=activations,
        tensors_range=tensors_data(found),
        nodes_to_quantize=list(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv", *_onnx_layers.LINEAR, *_onnx_layers.GLUE, _onnx_layers.BOUND, _onnx_layers.TABLE],
        extra_options={},
    )
    quantizer.quantize_model()
    quantized: onnx.ModelProto = quantizer.model.model
    return quantized


def session(model: onnx.ModelProto, *, optimized: bool = True) -> onnxruntime.InferenceSession:
    """The model on ONNX Runtime's CPU kernels."""
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _activations(model: onnx.ModelProto, samples: Sequence[Sample]) -> Iterator[Sample]:
    """Every float tensor of the graph, inputs included, for each sample."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    given = {output.name for output in watched.graph.output}
    floats = [v for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
    watched.graph.output.extend(value for value in floats if value.name not in given)
    running = session(watched, optimized=False)
    names = [output.name for output in running.get_outputs()]
    for sample in samples:
        yield {**sample, **dict(zip(names, running.run(names, sample), strict=True))}


def tensors_data(found: Ranges) -> TensorsData:
    """Ranges in the quantizer's form."""
    data = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in found.items()
    }
    return TensorsData(CalibrationMethod.MinMax, data)
