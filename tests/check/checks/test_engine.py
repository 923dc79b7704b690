from __future__ import annotations

import json

import pytest
from synthetic import artifacts, changed, engine_run, evidence

from l0gm_edge.check.checks.engine import check
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.verdict import Status, Verdict

ONE = "compressed-onnxruntime-static_int8"
INT8, TF32 = "sm80_xmma_gemm_i8i8_i8i32_f32_tn", "sm80_xmma_gemm_f32f32_tf32f32_f32_tn"


def inspected(**kernels: str) -> str:
    return json.dumps({"Layers": [{"Name": name, "TacticName": kernel} for name, kernel in kernels.items()]})


def verdict(engine: EngineRun) -> Verdict:
    made_up = evidence(measured=changed(artifacts(), ONE, engine=engine.model_dump()))
    (found,) = check(made_up)  # the others have no engine
    assert (found.check, found.artifact) == ("engine_precision", ONE)
    return found


def test_silent_fp32_is_a_fail() -> None:
    assert verdict(engine_run(inspected(a=INT8, b=INT8), {"a": "int8", "b": "int8"})).status is Status.PASS
    found = verdict(engine_run(inspected(a=INT8, b=TF32), {"a": "int8", "b": "int8"}))
    assert (found.status, found.value) == (Status.FAIL, 1)


def test_nothing_is_wider_than_fp32() -> None:
    """Where no more than 32 bits are asked for, an engine that fuses everything away still computes as asked."""
    assert verdict(engine_run(inspected(fused=""), {"a": "fp32"})).status is Status.PASS
    assert verdict(engine_run(inspected(fused=""), {"a": "fp32", "b": "fp16"})).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("layers", [None, "", "no JSON", json.dumps({"Layers": ["a", "b"]})])
def test_an_engine_that_tells_nothing_is_inconclusive(layers: str | None) -> None:
    found = verdict(engine_run(layers, {"a": "int8"}))
    assert found.status is Status.INCONCLUSIVE
    assert found.reason.startswith("not an engine's layers")


@pytest.mark.parametrize(("kernel", "status"), [(INT8, Status.PASS), (TF32, Status.FAIL)])
def test_where_tensorrt_may_choose_it_must_have_chosen_8_bits_somewhere(kernel: str, status: Status) -> None:
    found = verdict(engine_run(inspected(a=kernel, b=TF32), {"a": "int8", "b": "int8"}, chosen=True))
    assert found.status is status
    assert found.reason.endswith("of 2 heavy nodes")
