"""A model's other forms in a bundle, and the settings that it was measured with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import bundles
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from l0gm_edge.bundle import consume, integrity
from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import Contents, write
from l0gm_edge.core.errors import IntegrityError
from l0gm_edge.core.finish import FormKind
from l0gm_edge.core.opening import Settings
from l0gm_edge.core.session import Provider
from l0gm_edge.core.verdict import Status

NAME = "compressed-onnxruntime-fp32"
SETTINGS = Settings(threads=1, inter_op_threads=2, spinning=False, arena=False, memory_pattern=False)


def finished(contents: Contents, folder: Path, source: Path | None = None) -> Contents:
    return replace(contents, models=(bundles.finished(contents.models[0], folder, source, SETTINGS),))


def test_forms_are_shipped_with_the_settings_and_verified_too(contents: Contents, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    write(finished(contents, tmp_path), bundle)
    (model,) = integrity.read(bundle).models
    assert (model.settings, model.providers) == (SETTINGS, (Provider.XNNPACK, Provider.CPU))
    assert model.paths == (f"models/{NAME}.onnx", f"models/{NAME}.optimized.onnx", f"models/{NAME}.optimized.ort")
    assert (bundle / "models" / f"{NAME}.config").is_file()
    passed = {verdict.artifact: verdict.status for verdict in verify(bundle).verdicts}
    forms = [f"{NAME}.optimized.onnx", f"{NAME}.optimized.ort"]
    assert passed == dict.fromkeys([NAME, *forms], Status.PASS)
    parts = json.loads((bundle / "sbom.cdx.json").read_text())["components"]
    assert [part["name"] for part in parts] == list(model.paths)
    (bundle / "models" / forms[1]).write_bytes(b"another")
    with pytest.raises(IntegrityError, match=forms[1]):
        verify(bundle)


def test_a_form_of_another_model_fails_by_its_name(contents: Contents, tmp_path: Path) -> None:
    model = onnx.load(contents.models[0].source)
    model.graph.node.append(helper.make_node("Neg", ["logits"], ["turned"]))
    model.graph.output[0].name = "turned"
    onnx.save(model, tmp_path / "turned.onnx")
    write(finished(contents, tmp_path, tmp_path / "turned.onnx"), tmp_path / "bundle")
    verdicts = {verdict.artifact: verdict.status for verdict in verify(tmp_path / "bundle").verdicts}
    assert verdicts[NAME] is Status.PASS
    assert {verdicts[f"{NAME}.optimized.{kind}"] for kind in FormKind} == {Status.FAIL}


def test_a_form_that_is_not_the_one_its_record_tells_of_is_not_shipped(contents: Contents, tmp_path: Path) -> None:
    given = finished(contents, tmp_path)
    (tmp_path / f"{NAME}.optimized.ort").write_bytes(b"another")
    with pytest.raises(IntegrityError, match="the file was changed"):
        write(given, tmp_path / "bundle")


def test_the_consumer_opens_a_model_with_the_settings() -> None:
    given = consume.session_options(ort, SETTINGS.model_dump())
    assert (given.intra_op_num_threads, given.inter_op_num_threads) == (1, 2)
    assert given.execution_mode == ort.ExecutionMode.ORT_PARALLEL
    assert (given.enable_cpu_mem_arena, given.enable_mem_pattern) == (False, False)
    assert given.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    plain = consume.session_options(ort, Settings().model_dump())
    assert (plain.enable_cpu_mem_arena, plain.enable_mem_pattern) == (True, True)
