"""Graphs optimised ahead of loading."""

from __future__ import annotations

from pathlib import Path

import compiled
import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from l0gm_edge.backends import onnxruntime
from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.finish import Level

pytestmark = pytest.mark.slow


def optimized(source: Path, level: Level, folder: Path, *, arm: bool = False) -> tuple[Path, Path, Path]:
    folder.mkdir()
    made = folder / "m.onnx", folder / "m.ort", folder / "m.config"
    onnxruntime.optimize(source, level, arm=arm, as_onnx=made[0], as_ort=made[1], operators=made[2])
    return made


@pytest.mark.parametrize("scheme", compiled.SCHEMES["onnxruntime"])
def test_both_forms_answer_as_the_file_does_and_the_same_graph_gives_the_same_bytes(
    scheme: str, tmp_path: Path
) -> None:
    source, given = compiled.files("onnxruntime")[scheme], compiled.inputs(1)
    made = optimized(source, Level.EXTENDED, tmp_path / "a")
    wanted = InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, given)[0]
    for path in made[:2]:
        found = InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, given)[0]
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    again = optimized(source, Level.EXTENDED, tmp_path / "b")
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]


def test_a_level_binds_no_file_to_one_processor(tmp_path: Path) -> None:
    source = compiled.files("onnxruntime")["fp32"]
    domains = {}
    for level in Level:
        made = optimized(source, level, tmp_path / level)
        domains[level] = {node.domain for node in onnx.load(made[0]).graph.node}
        named = [line.split(";")[0] for line in made[2].read_text().splitlines() if not line.startswith("#")]
        assert {"ai.onnx": "", "com.microsoft": "com.microsoft"}.keys() >= set(named)
        assert str(tmp_path) not in made[2].read_text()
    assert domains == {Level.BASIC: {""}, Level.EXTENDED: {"", "com.microsoft"}}


def test_what_cannot_be_optimised_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ExportFailed, match="optimising the graph ahead failed"):
        optimized(tmp_path / "bad.onnx", Level.BASIC, tmp_path / "a")
