"""The whole road with token ids as input: every scheme of both runtimes, measured, judged, bundled, verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import token_project
from click.testing import CliRunner

from l0gm_edge.check.divergence import first_divergence
from l0gm_edge.cli.main import main
from l0gm_edge.core import arrays

pytestmark = pytest.mark.slow


def test_token_ids_walk_the_whole_road(tmp_path: Path, torch_as_it_was: None) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["run", *token_project.write(tmp_path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report" / "report.json").read_text(encoding="utf-8"))
    parity = {one["artifact"]: one["status"] for one in report["verdicts"] if one["check"] == "parity"}
    # mixed_int8 is made where it is measured to be faster than floats
    assert all("mixed_int8" in one for one in report["left_out"])
    assert len(parity) + len(report["left_out"]) == 10
    assert set(parity.values()) == {"PASS"}, parity
    assert [one["status"] for one in report["verdicts"] if one["check"] == "exactness"] == ["PASS"]
    made = json.loads((out / "compile" / "artifacts.json").read_text(encoding="utf-8"))["artifacts"]
    files = {one["name"]: out / "compile" / one["path"] for one in made}
    types = {(one["runtime"], one["inputs"][0]["dtype"]) for one in made}
    assert types == {("onnxruntime", "int64"), ("tflite", "int32")}  # ours are int64; LiteRT's converter narrows them
    rows = arrays.read(out / "quantize" / "calibration.npz")
    assert rows["text"].dtype == "int64"
    for runtime, scheme in (("onnxruntime", "static_int8"), ("tflite", "fp16"), ("tflite", "static_int8")):
        twin, other = (files[f"compressed-{runtime}-{one}"] for one in ("fp32", scheme))
        assert first_divergence(runtime, twin, other, rows) is None
    verified = CliRunner().invoke(main, ["verify", str(out / "bundle")])
    assert verified.exit_code == 0, verified.output
