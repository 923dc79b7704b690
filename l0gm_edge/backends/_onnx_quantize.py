"""Child process: fp32 ONNX -> another scheme for ONNX Runtime.

Arguments: SOURCE SCHEME CALIBRATION OUTPUT FORMS; FORMS names the layers that static_int8 quantizes, or none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from l0gm_edge.backends import (
    Forms,
    Samples,
    _calibration_file,
    _onnx_file,
    _onnx_layers,
    _onnx_mixed,
    _onnx_pairs,
    _onnx_settled,
    _onnx_weights,
)
from l0gm_edge.core import store
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import unclipped

OPSET_OF_16_BITS = 21
Noted = tuple[onnx.ModelProto, tuple[str, ...]]
"""A model, and notes on how it was made."""


def static_int8(source: Path, calibration: Samples, settings: Quantize, layers: Collection[str]) -> Noted:
    """Quantize/dequantize pairs around the operators that gain from it, or around these layers and their glue."""
    model = _onnx_layers.named(_onnx_file.read(source))
    if unknown := set(layers) - {node.name for node in model.graph.node}:
        raise RefusedInput(f"there is no layer {', '.join(sorted(unknown))}", where=str(source))
    samples = _calibration_file.rows(calibration)
    gaining = [node.name for node in _onnx_layers.worthwhile(model)]
    model, notes = _onnx_settled.settled(model, layers or gaining, samples, settings)
    between = [] if layers else [node.name for node in (*_onnx_layers.glue(model), *_onnx_layers.look_ups(model))]
    nodes = [*_onnx_layers.with_glue(model, layers or gaining), *between]
    return _onnx_pairs.with_pairs(model, nodes, _onnx_pairs.ranges(model, samples, settings)), notes


def w8a16(source: Path, calibration: Samples, settings: Quantize) -> onnx.ModelProto:
    """Int8 weights a channel, uint16 activations, in convolutions and linear layers; embeddings in int8."""
    model = _onnx_layers.named(_onnx_file.at_opset(_onnx_file.read(source), OPSET_OF_16_BITS))
    found = _onnx_pairs.ranges(model, _calibration_file.rows(calibration), unclipped(settings))
    heavy = [node.name for node in _onnx_layers.heavy(model)]
    return _onnx_weights.integers(_onnx_pairs.with_pairs(model, heavy, found, QuantType.QUInt16), (), bits=8)


def weight_only(source: Path, bits: int) -> onnx.ModelProto:
    """Linear layers with weights of 8 or 4 bits and embeddings of 8, computed in floats; the router stays float."""
    model = _onnx_layers.named(_onnx_file.read(source))
    linear = [node for node in _onnx_layers.heavy(model) if node.op_type in _onnx_layers.LINEAR]
    return _onnx_weights.integers(model, linear, bits)


def dynamic_int8(source: Path) -> onnx.ModelProto:
    """Linear layers and embeddings with int8 weights; what layers read is quantized at each inference."""
    model = _onnx_file.read(source)
    # The quantizer first splits every Gemm, and names its half `<name>_MatMul`.
    kept = [node.name for node in model.graph.node if _onnx_layers.FLOAT_MODULES in node.name]
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        quantized = Path(folder) / "dynamic.onnx"
        quantize_dynamic(
            model,
            quantized,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[name + suffix for name in kept for suffix in ("", "_MatMul")],
            op_types_to_quantize=[*_onnx_layers.LINEAR, _onnx_layers.TABLE],
        )
        return onnx.load(quantized)


def main(source: str, scheme: str, calibration: str, output: str, forms: str) -> None:
    """Quantize and write one model."""
    samples, settings = _calibration_file.read(Path(calibration))
    layers = store.read_value(Forms, Path(forms)).layers
    write: dict[str, Callable[[], onnx.ModelProto | Noted]] = {
        "static_int8": lambda: static_int8(Path(source), samples, settings, layers),
        "mixed_int8": lambda: _onnx_mixed.mixed_int8(Path(source), samples, settings),
        "dynamic_int8": lambda: dynamic_int8(Path(source)),
        "w8a16": lambda: w8a16(Path(source), samples, settings),
        "weight_int8": lambda: weight_only(Path(source), bits=8),
        "weight_int4": lambda: weight_only(Path(source), bits=4),
        "fp16": lambda: _onnx_weights.fp16(_onnx_file.read(Path(source))),
    }
    made = write[scheme]()
    model, notes = made if isinstance(made, tuple) else (made, ())
    model = _onnx_file.noted(_onnx_file.stripped(model), notes)
    store.write_bytes(Path(output), model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
