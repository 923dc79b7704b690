from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import compiled as small
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer.quantizer import Quantizer
from torch import nn

from l0gm_edge.backends import Samples, _tflite_file, _tflite_quantize, tflite
from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.core.recipe import Quantize

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


def test_ranges_are_of_the_file_s_tensors_alone(compiled: Compiled, samples: Samples) -> None:
    source = compiled("tflite", "fp32")
    at_work = Interpreter(str(source), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    at_work.allocate_tensors()
    tensors = _tflite_file.read(source).subgraphs[0].tensors
    assert any(one["index"] >= len(tensors) for one in at_work.get_tensor_details()), (
        "operators have memory of their own"
    )
    found = _tflite_quantize.ranges(source, samples, Quantize())
    named = {one.name.decode() for one in tensors}
    assert {"image", "tabular", "logits"} <= found.keys() <= named


def test_quantizing_leaves_the_heavy_operators_in_place(compiled: Compiled) -> None:
    plain = tflite.inspect(compiled("tflite", "fp32")).ops
    for scheme in tflite.SCHEMES.keys() - {"integer_only"}:
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
    sizes = {scheme: compiled("tflite", scheme).stat().st_size for scheme in ("weight_int4", "weight_int8")}
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


def test_full_int8_leaves_in_floats_what_has_no_such_form_and_tells(compiled: Compiled) -> None:
    facts = tflite.inspect(compiled("tflite", "full_int8"))
    assert {"ONE_HOT", "TOPK_V2"} <= facts.float_ops.keys() <= {"DEQUANTIZE", "ONE_HOT", "QUANTIZE", "TOPK_V2"}
    plain = tflite.inspect(compiled("tflite", "fp32"))
    assert plain.float_ops == plain.ops, "everything computes in floats"


def test_integers_only_refuses_by_name_what_would_stay_in_floats(
    compiled: Compiled, samples: dict[str, np.ndarray], tmp_path: Path
) -> None:
    output = tmp_path / "out.tflite"
    with pytest.raises(ExportFailed, match=r"ONE_HOT \(1x\), .*TOPK_V2 \(1x\) would stay in floats"):
        tflite.quantize(compiled("tflite", "fp32"), "integer_only", samples, Quantize(), output)
    assert not list(tmp_path.iterdir())


def test_integers_only_takes_and_gives_integers() -> None:
    facts = tflite.inspect(small.files("tflite")["integer_only"])
    assert {one.name: one.dtype for one in facts.inputs} == {"image": "int8", "table": "int8"}
    assert [(one.name, one.dtype) for one in facts.outputs] == [("logits", "int8")]
    assert facts.float_ops == {}
    low, high = (
        one.quantization.scale * (end - one.quantization.zero_point)
        for one in facts.inputs[:1]
        if one.quantization
        for end in (-128, 127)
    )
    assert low == pytest.approx(-1, abs=0.05)
    assert high == pytest.approx(1, abs=0.05)


class Wide(nn.Module):
    """One layer whose weights, in bytes, are more than the quantizer leaves in the flatbuffer."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(640, 640), nn.Linear(640, 3)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return self.down(self.up(table).relu())


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wide")
    program = torch.export.export(Wide().eval(), (), {"table": torch.zeros(1, 640)})
    torch.export.save(program, folder / "model.pt2")
    tflite.convert(folder / "model.pt2", folder / "fp32.tflite")
    return folder / "fp32.tflite"


@pytest.fixture(scope="module")
def behind(wide: Path) -> Path:
    """As the quantizer writes it, with large weights behind the flatbuffer."""
    quantizer = Quantizer(str(wide))
    _tflite_quantize.SET_UP["dynamic_int8"](quantizer)
    path = wide.with_name("behind.tflite")
    path.write_bytes(quantizer.quantize().quantized_model)
    return path


def outside(content: bytes) -> list[int]:
    """Buffers whose content lies behind the flatbuffer."""
    packed = schema.Model.GetRootAs(content)
    return [number for number in range(packed.BuffersLength()) if packed.Buffers(number).Offset() > 1]


def answer(path: Path, row: np.ndarray) -> np.ndarray:
    return Interpreter(str(path)).get_signature_runner()(table=row)["logits"]


def test_weights_of_any_size_lie_in_the_flatbuffer(wide: Path, behind: Path, tmp_path: Path) -> None:
    assert outside(behind.read_bytes()), "the quantizer lays large weights behind it"
    ours = tmp_path / "ours.tflite"
    tflite.quantize(wide, "dynamic_int8", {"table": np.zeros((2, 640), np.float32)}, Quantize(), ours)
    assert not outside(ours.read_bytes())
    row = np.random.default_rng(0).normal(size=(1, 640)).astype(np.float32)
    np.testing.assert_array_equal(answer(ours, row), answer(behind, row))


def test_a_file_is_read_with_weights_that_lie_behind_its_flatbuffer(behind: Path, tmp_path: Path) -> None:
    model = _tflite_file.read(behind)
    constants = [one for one in model.subgraphs[0].tensors if _tflite_file.is_constant(model, one)]
    assert max(int(np.prod(one.shape)) for one in constants) == 640 * 640
    (whole := tmp_path / "whole.tflite").write_bytes(_tflite_file.pack(model))
    row = np.random.default_rng(0).normal(size=(1, 640)).astype(np.float32)
    np.testing.assert_array_equal(answer(whole, row), answer(behind, row))
    (cut := tmp_path / "cut.tflite").write_bytes(behind.read_bytes()[:-1000])
    with pytest.raises(RefusedInput, match="damaged or cut short"):
        _tflite_file.read(cut)
