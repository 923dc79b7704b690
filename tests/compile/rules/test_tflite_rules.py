"""Rules for releases of TFLite, on small files that break one each; tests/measure/test_old_tflite.py asks a release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.backends import _tflite_file
from l0gm_edge.compile import rules
from l0gm_edge.compile.rules import Target
from l0gm_edge.compile.rules._tflite_versions import PUBLISHED, RELEASES, UP_TO, installed, oldest
from l0gm_edge.core.errors import RefusedInput

OLD, NEW = Target(found=("tflite-runtime", "2.14.0")), Target(found=("ai-edge-litert", "2.3.0"))


def broken(folder: Path, spoil: Callable[[Any], None], target: Target) -> list[str]:
    path = tiny_models.write_tflite(folder / "model.tflite")
    model = _tflite_file.read(path)
    spoil(model)
    path.write_bytes(_tflite_file.pack(model))
    return [str(one) for one in rules.plugin("tflite").problems(path, target)]


def nothing(model: Any) -> None:
    """The file as it is."""


def flex(model: Any) -> None:
    code = model.operatorCodes[0]
    code.builtinCode, code.deprecatedBuiltinCode, code.customCode = schema.BuiltinOperator.CUSTOM, 32, b"FlexErf"


def foreign(model: Any) -> None:
    flex(model)
    model.operatorCodes[0].customCode = b"Mine"


def sort(model: Any) -> None:
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.STABLEHLO_SORT
    model.operatorCodes[0].deprecatedBuiltinCode = 127


def newer(model: Any) -> None:
    model.operatorCodes[0].version = 12


def four_bits(model: Any) -> None:
    model.subgraphs[0].tensors[1].type = schema.TensorType.INT4


def by_channel(model: Any) -> None:
    weight = model.subgraphs[0].tensors[1]
    weight.type, weight.quantization = schema.TensorType.INT8, schema.QuantizationParametersT()
    weight.quantization.scale, weight.quantization.zeroPoint = [0.1, 0.2, 0.3], [0, 0, 0]


def by_tensor(model: Any) -> None:
    by_channel(model)
    quantization = model.subgraphs[0].tensors[1].quantization
    quantization.scale, quantization.zeroPoint = [0.1], [0]


@pytest.mark.parametrize(
    ("spoil", "rule", "what", "target"),
    [
        (flex, "operator", "FlexErf is TensorFlow's", NEW),
        (foreign, "operator", "custom.Mine is not a built-in operator", NEW),
        (sort, "operator", "LiteRT 2.2 has no STABLEHLO_SORT", NEW),
        (newer, "operator-version", "FULLY_CONNECTED is of version 12, tflite-runtime 2.14 runs up to 10", OLD),
        (four_bits, "four-bits", "FULLY_CONNECTED has weights of 4 bits", OLD),
        (by_channel, "scale-per-channel", "FULLY_CONNECTED has a scale for each channel", OLD),
    ],
)
def test_each_rule_names_operator_and_way_out(
    spoil: Callable[[Any], None], rule: str, what: str, target: Target, tmp_path: Path
) -> None:
    (said,) = broken(tmp_path, spoil, target)
    assert said.startswith(f"{rule}: serving_y: ")
    assert what in said
    assert said.partition("; ")[2]


@pytest.mark.parametrize("spoil", [nothing, newer, four_bits, by_channel])
def test_a_newer_runtime_takes_what_the_old_one_does_not(spoil: Callable[[Any], None], tmp_path: Path) -> None:
    assert broken(tmp_path, spoil, NEW) == []
    assert broken(tmp_path, spoil, Target()) == [], "nothing is known of the device"


@pytest.mark.parametrize("spoil", [nothing, by_tensor])
def test_the_old_runtime_takes_what_it_computes_rightly(spoil: Callable[[Any], None], tmp_path: Path) -> None:
    assert broken(tmp_path, spoil, OLD) == []


def test_operators_alike_share_a_problem(tmp_path: Path) -> None:
    def twice(model: Any) -> None:
        by_channel(model)
        model.subgraphs[0].operators *= 3

    (said,) = broken(tmp_path, twice, OLD)
    assert "serving_y and 2 more" in said


@pytest.mark.parametrize(
    ("versions", "release"),
    [
        ("==2.14.*", "tflite-runtime 2.14"),
        (">=2.5,<2.15", "tflite-runtime 2.14"),
        ("<=2.14", "tflite-runtime 2.14"),
        (">=1.0", "LiteRT 1.0"),
        (">=1.2,<3", "LiteRT 1.2"),
        ("==1.4.0", "LiteRT 1.3"),
        (">=2.0,<3", "LiteRT 2.0"),
        ("==2.1.3", "LiteRT 2.1"),
        (">=2.3", "LiteRT 2.2"),
        (">=77", "LiteRT 2.2"),
    ],
)
def test_a_range_means_the_oldest_release_that_it_admits(versions: str, release: str) -> None:
    assert RELEASES[oldest(versions)] == release


def test_the_older_of_range_and_device_counts(tmp_path: Path) -> None:
    assert broken(tmp_path, newer, Target("==2.14.*", NEW.found))
    assert broken(tmp_path, newer, Target(">=2.0", OLD.found))


@given(st.sampled_from(PUBLISHED.split()), st.sampled_from(PUBLISHED.split()))
def test_a_newer_release_never_runs_less(one: str, other: str) -> None:
    early, late = sorted(installed("ai-edge-litert", version) for version in (one, other))
    assert all(row[0] <= row[early] <= row[late] for row in UP_TO.values())


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.tflite"
    path.write_bytes(b"none")
    with pytest.raises(RefusedInput):
        rules.plugin("tflite").problems(path, NEW)
