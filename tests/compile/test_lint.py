from __future__ import annotations

from pathlib import Path

import bundles
import tiny_models

from l0gm_edge.backends import ModelFacts, _tflite_file
from l0gm_edge.compile.lint import lint, linted
from l0gm_edge.compile.rules import Target


def facts(**ops: int) -> ModelFacts:
    return ModelFacts(inputs=(), outputs=(), ops=ops)


def test_a_file_like_its_reference_has_no_problem() -> None:
    assert lint(facts(CONV_2D=3, MUL=1), facts(MUL=1, CONV_2D=3)) == ()


def test_foreign_operators_are_named_unless_allowed() -> None:
    found = ModelFacts(inputs=(), outputs=(), ops={"CONV_2D": 1, "custom.FlexErf": 2})
    (problem,) = lint(found)
    assert "custom.FlexErf (2x)" in problem
    assert lint(found, allowed=("custom.FlexErf",)) == ()


def test_a_gate_left_behind_is_called_by_its_name() -> None:
    (problem,) = lint(facts(CONV_2D=3, MUL=4), facts(CONV_2D=3, MUL=1))
    assert "MUL stands 4 times, 1 in a natively small model" in problem
    assert "gate or mask" in problem


def test_extra_and_missing_operators_are_both_told() -> None:
    assert [problem.split()[0] for problem in lint(facts(PAD=1), facts(RESHAPE=2))] == ["PAD", "RESHAPE"]


def test_a_foreign_operator_of_a_file_is_told_once(tmp_path: Path) -> None:
    path = tiny_models.write_tflite(tmp_path / "model.tflite")
    model = _tflite_file.read(path)
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
    model.operatorCodes[0].customCode = b"Mine"
    path.write_bytes(_tflite_file.pack(model))
    (problem,) = linted(bundles.of_file(path, "tflite", "fp32").artifact, path, Target()).problems
    assert problem.startswith("operator: serving_y: custom.Mine is not a built-in operator")
