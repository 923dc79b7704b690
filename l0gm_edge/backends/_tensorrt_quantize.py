"""Child process: fp32 ONNX -> what TensorRT wants to see. Arguments: SOURCE SCHEME CALIBRATION OUTPUT.

TensorRT 11 takes precision from the file alone: int8 as explicit quantize/dequantize pairs, symmetric, with float
biases; fp16 as casts. TensorRT 10 takes the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from l0gm_edge.backends import Samples, _calibration_file, _onnx_file, _onnx_layers, _onnx_pairs
from l0gm_edge.backends._onnx_pairs import Ranges
from l0gm_edge.backends._tensorrt_graph import in_order
from l0gm_edge.core import store
from l0gm_edge.core.recipe import Quantize

HEAVY = ("Conv", *_onnx_layers.LINEAR)
LARGEST_HALF = 65504.0
HEADROOM = 4.0
"""Values of new inputs may exceed those seen; a node that came nearer than this to the largest fp16 stays fp32."""
SMALLEST_SCALE = 2.0**-18
"""Held in fp16 to within 1 %, the step that int8 has at full scale."""
_HALF_CAPABLE = {"Max", "Min", "TopK"}  # blocked for the sake of another runtime


def quantized(source: Path, scheme: str, calibration: Samples, settings: Quantize) -> onnx.ModelProto:
    """A model in one of the schemes `fp16`, `static_int8` (the rest fp32) and `int8_fp16` (the rest fp16)."""
    model = onnx.shape_inference.infer_shapes(_onnx_file.read(source))
    samples = _calibration_file.rows(calibration)
    made = model if scheme == "fp16" else _with_pairs(model, _onnx_pairs.ranges(model, samples, settings))
    if scheme == "static_int8":
        return made
    extremes = settings.model_copy(update={"ranges": "min_max"})  # one value that overflows is enough
    whole = _onnx_pairs.ranges(model, samples, extremes)
    return _in_half(made, [node.name for node in model.graph.node if _loud(node, whole)])


def _with_pairs(model: onnx.ModelProto, found: Ranges) -> onnx.ModelProto:
    """Pairs before the heavy nodes only: TensorRT moves and fuses them itself; one behind would be in its way."""
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=_onnx_pairs.tensors_data(found),
        nodes_to_quantize=_heavy(model),
        nodes_to_exclude=[],
        op_types_to_quantize=list(HEAVY),
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "DedicatedQDQPair": True,
            "OpTypesToExcludeOutputQuantization": list(HEAVY),
            "QDQOpTypePerChannelSupportToAxis": {"MatMul": -1},  # what comes out, also of stacked experts
            "MinimumRealRange": 127 * SMALLEST_SCALE,
        },
    )
    quantizer.quantize_model()
    made: onnx.ModelProto = quantizer.model.model
    return made


def _in_half(model: onnx.ModelProto, loud: list[str]) -> onnx.ModelProto:
    """Floats inside the graph as fp16; inputs, outputs, routers and nodes with large values stay fp32, behind casts."""
    kept = [node.name for node in model.graph.node if _onnx_layers.FLOAT_MODULES in node.name]
    made: onnx.ModelProto = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=sorted(set(DEFAULT_OP_BLOCK_LIST) - _HALF_CAPABLE),
        node_block_list=[*kept, *loud],
    )
    return made


def _heavy(model: onnx.ModelProto) -> list[str]:
    """Heavy nodes but for products whose bias is scaled: the quantizer forgets that scale."""
    return [
        node.name
        for node in _onnx_layers.heavy(model)
        if all(one.name != "beta" or one.f == 1 for one in node.attribute)
    ]


def _loud(node: onnx.NodeProto, found: Ranges) -> bool:
    seen = [found[name] for name in (*node.input, *node.output) if name in found]
    return any(max(-low, high) * HEADROOM > LARGEST_HALF for low, high in seen)


def main(source: str, scheme: str, calibration: str, output: str) -> None:
    """Quantize and write one model."""
    samples, settings = _calibration_file.read(Path(calibration))
    model = _onnx_file.stripped(in_order(quantized(Path(source), scheme, samples, settings)))
    store.write_bytes(Path(output), model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
