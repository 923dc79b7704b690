from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from l0gm_edge.backends import tflite

Compiled = Callable[[str, str], Path]
pytestmark = pytest.mark.slow
HEAVY = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def tensors(path: Path) -> dict[str, np.dtype]:
    return {one["name"]: np.dtype(one["dtype"]) for one in Interpreter(str(path)).get_tensor_details()}


def test_tensors_are_named_after_modules_and_unique(compiled: Compiled) -> None:
    interpreter = Interpreter(str(compiled("tflite", "fp32")))
    names = [one["name"] for one in interpreter.get_tensor_details() if one["name"]]
    assert {"image", "tabular", "logits", "moe.router"} <= set(names)
    assert not any("torch.nn" in name for name in names)


def test_quantizing_leaves_the_heavy_operators_in_place(compiled: Compiled) -> None:
    plain = tflite.inspect(compiled("tflite", "fp32")).ops
    for scheme in tflite.SCHEMES:
        found = tflite.inspect(compiled("tflite", scheme)).ops
        assert {op: found[op] for op in HEAVY} == {op: plain[op] for op in HEAVY}


def test_static_int8_is_int8_in_heavy_operators_only(compiled: Compiled) -> None:
    ops = tflite.inspect(compiled("tflite", "static_int8")).ops
    assert ops["QUANTIZE"] > 0
    static = tensors(compiled("tflite", "static_int8"))
    assert static["moe.router"] == np.float32
    assert np.dtype(np.int8) in static.values()


def test_weights_alone_convert_nothing_that_is_computed(compiled: Compiled) -> None:
    for scheme in ("weight_int8", "weight_int4"):
        found = tensors(compiled("tflite", scheme))
        assert "QUANTIZE" not in tflite.inspect(compiled("tflite", scheme)).ops
        assert found["moe.router"] == np.float32


def test_four_bits_take_less_than_eight(compiled: Compiled) -> None:
    sizes = {scheme: compiled("tflite", scheme).stat().st_size for scheme in tflite.SCHEMES}
    assert sizes["weight_int4"] < sizes["weight_int8"]


def test_w8a16_has_activations_of_16_bits(compiled: Compiled) -> None:
    assert np.dtype(np.int16) in tensors(compiled("tflite", "w8a16")).values()


def test_dynamic_int8_needs_no_conversions(compiled: Compiled) -> None:
    ops = tflite.inspect(compiled("tflite", "dynamic_int8")).ops
    assert "QUANTIZE" not in ops
    assert "DEQUANTIZE" not in ops


def test_mixed_int8_converts_around_convolutions_only(compiled: Compiled) -> None:
    mixed, static = (tflite.inspect(compiled("tflite", scheme)).ops for scheme in ("mixed_int8", "static_int8"))
    assert 0 < mixed["DEQUANTIZE"] < static["DEQUANTIZE"]
