"""Child process: fp32 TFLite -> another scheme. Arguments: SOURCE SCHEME CALIBRATION OUTPUT FORMS.

FORMS names the form of each layer, or of none; then the scheme decides.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer.qtyping import (
    ComputePrecision,
    OpQuantizationConfig,
    TensorDataType,
    TensorQuantizationConfig,
)
from ai_edge_quantizer.qtyping import TFLOperationName as Op
from ai_edge_quantizer.quantizer import AlgorithmName, Quantizer
from numpy.typing import NDArray

from l0gm_edge import ranges as calibrators
from l0gm_edge.backends import Forms, Samples, _calibration_file, _tflite_file, _tflite_forms
from l0gm_edge.backends._tflite_forms import A_CHANNEL, A_LAYER
from l0gm_edge.core import store
from l0gm_edge.core.recipe import Quantize

EVERYWHERE = ".*"
ROUTER = ".*router.*"  # a rounding error there changes which experts answer
# The operators XNNPACK runs faster in 8 bits. Others stay float: in int8 some leave XNNPACK, and none got faster.
# Padding goes along, because it stands between two convolutions.
CONVOLUTIONS = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.CONV_2D_TRANSPOSE, Op.PAD)
LINEAR = (Op.FULLY_CONNECTED, Op.BATCH_MATMUL)


def fp16(quantizer: Quantizer) -> None:
    """Weights in 16-bit floats."""
    config = OpQuantizationConfig(
        weight_tensor_config=TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT),
        compute_precision=ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    for op in (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.CONV_2D_TRANSPOSE, Op.FULLY_CONNECTED, Op.EMBEDDING_LOOKUP):
        quantizer.update_quantization_recipe(EVERYWHERE, op, config, AlgorithmName.FLOAT_CASTING)


def dynamic_int8(quantizer: Quantizer) -> None:
    """Int8 weights; activations quantized as they come. Depthwise convolutions stay float: they would leave XNNPACK."""
    _dynamic_linear(quantizer)
    quantizer.add_dynamic_config(EVERYWHERE, Op.CONV_2D, 8, A_CHANNEL)


def static_int8(quantizer: Quantizer) -> None:
    """Int8 weights and activations in convolutions and linear layers; products of two activations leave XNNPACK in int8
    and stay float.
    """
    _static_convolutions(quantizer)
    quantizer.add_static_config(EVERYWHERE, Op.FULLY_CONNECTED, 8, 8, A_LAYER)
    quantizer.add_dynamic_config(EVERYWHERE, Op.EMBEDDING_LOOKUP, 8, A_LAYER)
    _float_router(quantizer)


def full_int8(quantizer: Quantizer) -> None:
    """Int8 weights and activations wherever there is such an operator, routers included; floats in and out."""
    integer_only(quantizer)
    for op in (Op.INPUT, Op.OUTPUT):
        quantizer.update_quantization_recipe(EVERYWHERE, op, algorithm_key=AlgorithmName.NO_QUANTIZE)


def integer_only(quantizer: Quantizer) -> None:
    """Int8 wherever there is such an operator, inputs and outputs included."""
    quantizer.add_static_config(EVERYWHERE, Op.ALL_SUPPORTED, 8, 8, A_CHANNEL)
    for op in LINEAR:
        quantizer.add_static_config(EVERYWHERE, op, 8, 8, A_LAYER)
    quantizer.add_dynamic_config(EVERYWHERE, Op.EMBEDDING_LOOKUP, 8, A_LAYER)


def mixed_int8(quantizer: Quantizer) -> None:
    """Static where the time goes in a convolutional network, dynamic where its accuracy is lost."""
    _static_convolutions(quantizer)
    _dynamic_linear(quantizer)


def w8a16(quantizer: Quantizer) -> None:
    """Int8 weights and int16 activations in everything heavy; refused by runtimes as old as tflite-runtime 2.14."""
    for op in (*CONVOLUTIONS, *LINEAR):
        quantizer.add_static_config(EVERYWHERE, op, 16, 8, A_CHANNEL)
    quantizer.add_dynamic_config(EVERYWHERE, Op.EMBEDDING_LOOKUP, 8, A_LAYER)
    _float_router(quantizer)


def weight_int8(quantizer: Quantizer) -> None:
    """Int8 weights, turned into floats where they are read."""
    _weights_alone(quantizer, 8)


def weight_int4(quantizer: Quantizer) -> None:
    """Int4 weights in linear layers, turned into floats where they are read; convolutions have no such form."""
    _weights_alone(quantizer, 4)


def dynamic_int4(quantizer: Quantizer) -> None:
    """Int4 weights in linear layers; activations quantized as they come, in 8 bits."""
    for op in (Op.FULLY_CONNECTED, Op.EMBEDDING_LOOKUP):
        quantizer.add_dynamic_config(EVERYWHERE, op, 4, A_CHANNEL)
    _float_router(quantizer)


def _weights_alone(quantizer: Quantizer, bits: int) -> None:
    for op in (Op.FULLY_CONNECTED, Op.EMBEDDING_LOOKUP):
        quantizer.add_weight_only_config(EVERYWHERE, op, bits, A_CHANNEL)
    for op in (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.CONV_2D_TRANSPOSE):
        quantizer.add_weight_only_config(EVERYWHERE, op, 8, A_CHANNEL)
    _float_router(quantizer)


def _float_router(quantizer: Quantizer) -> None:
    quantizer.update_quantization_recipe(ROUTER, Op.FULLY_CONNECTED, algorithm_key=AlgorithmName.NO_QUANTIZE)


def _static_convolutions(quantizer: Quantizer) -> None:
    for op in CONVOLUTIONS:
        quantizer.add_static_config(EVERYWHERE, op, 8, 8, A_CHANNEL)


def _dynamic_linear(quantizer: Quantizer) -> None:
    for op in (Op.FULLY_CONNECTED, Op.EMBEDDING_LOOKUP):
        quantizer.add_dynamic_config(EVERYWHERE, op, 8, A_LAYER)


def ranges(source: Path, calibration: Samples, settings: Quantize) -> dict[str, dict[str, NDArray[np.float32]]]:
    """The range of every float activation, in the quantizer's form.

    The quantizer's own calibration follows a moving average of the extremes, which clips: 11 dB against 28 here.
    """
    samples = _calibration_file.rows(calibration)
    found = calibrators.observe(_activations(source, samples), len(samples), settings)
    return {name: {"min": _scalar(low), "max": _scalar(high)} for name, (low, high) in found.items()}


def _activations(source: Path, samples: list[dict[str, Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    """Every float tensor of the file that is not a constant, inputs included, for each sample.

    The interpreter lists, after these, tensors that its operators only work in: what they hold is anything.
    """
    model = _tflite_file.read(source)
    signature = model.signatureDefs[0]
    tensors = model.subgraphs[0].tensors
    constants = {index for index, one in enumerate(tensors) if _tflite_file.is_constant(model, one)}
    interpreter = Interpreter(
        str(source),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    details = interpreter.get_tensor_details()
    kinds = {one["index"]: one["dtype"] for one in details}
    wanted = set(range(len(tensors))) - constants
    watched = {one["name"]: one["index"] for one in details if one["dtype"] == np.float32 and one["index"] in wanted}
    for sample in samples:
        for one in signature.inputs:
            kind = kinds[one.tensorIndex]  # token ids are int64 with us, and int32 in a converted file
            interpreter.set_tensor(one.tensorIndex, sample[one.name.decode()].astype(kind, copy=False))
        interpreter.invoke()
        yield {name: interpreter.get_tensor(index) for name, index in watched.items()}


def _scalar(value: float) -> NDArray[np.float32]:
    return np.array([[value]], np.float32)


SET_UP: dict[str, Callable[[Quantizer], None]] = {
    "fp16": fp16,
    "dynamic_int8": dynamic_int8,
    "static_int8": static_int8,
    "full_int8": full_int8,
    "integer_only": integer_only,
    "mixed_int8": mixed_int8,
    "w8a16": w8a16,
    "weight_int8": weight_int8,
    "weight_int4": weight_int4,
    "dynamic_int4": dynamic_int4,
}


def quantized(quantizer: Quantizer, found: dict[str, dict[str, NDArray[np.float32]]] | None) -> bytes:
    """The model as a quantizer was told to write it, over these ranges."""
    content = quantizer.quantize(found if quantizer.need_calibration else None).quantized_model
    if content is None:
        raise RuntimeError("the quantizer returned no model")
    return _tflite_file.packed_whole(bytes(content))


def main(source: str, scheme: str, calibration: str, output: str, forms: str) -> None:
    """Quantize and write one model."""
    quantizer = Quantizer(source)
    layers = store.read_value(Forms, Path(forms)).layers
    if layers:
        _tflite_forms.set_up(quantizer, _tflite_file.read(Path(source)), layers)
    else:
        SET_UP[scheme](quantizer)
    samples, settings = _calibration_file.read(Path(calibration))
    wide = calibrators.unclipped(settings) if scheme == "w8a16" else settings
    found = ranges(Path(source), samples, wide) if quantizer.need_calibration else None
    store.write_bytes(Path(output), quantized(quantizer, found))


if __name__ == "__main__":
    main(*sys.argv[1:])
