from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import tensorrt_graphs as graphs

from l0gm_edge.check.engine import judge
from l0gm_edge.core.engine import Answer, EngineSettings, FrontEnd
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.verdict import Status, worst

SAID = {
    Answer.BUILT: FrontEnd(answer=Answer.BUILT, by="tensorrt 10.3.0", reason="parsed and built"),
    Answer.REFUSED: FrontEnd(answer=Answer.REFUSED, by="tensorrt 10.3.0", reason="no such operator"),
    Answer.NOT_VERIFIED: FrontEnd(answer=Answer.NOT_VERIFIED, by=None, reason="nothing is installed"),
}


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A front end whose answer a test decides; built, unless it says otherwise."""
    set_answer(monkeypatch, Answer.BUILT)
    return monkeypatch


def set_answer(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr("l0gm_edge.backends._tensorrt_describe.ask_front_end", lambda *_: SAID[answer])


@pytest.mark.parametrize(
    ("answer", "status"),
    [(Answer.BUILT, Status.PASS), (Answer.REFUSED, Status.FAIL), (Answer.NOT_VERIFIED, Status.INCONCLUSIVE)],
)
def test_what_was_not_asked_is_never_a_pass(
    answer: Answer, status: Status, says: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_answer(says, answer)
    found = judge(saved(graphs.linear(), tmp_path), EngineSettings(), None, None)
    assert worst(found.verdicts) is status
    assert SAID[answer].reason in found.verdicts[1].reason


def test_a_broken_rule_fails_whatever_the_parser_says(says: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = judge(saved(graphs.BROKEN["int4 experts"].model, tmp_path), EngineSettings(), None, None)
    assert worst(found.verdicts) is Status.FAIL
    assert found.verdicts[0].reason.startswith("int4: weight: int4 weights of 3 axes")


@pytest.mark.parametrize(("kernel", "status"), [("i8i8_i8i32_f32", Status.PASS), ("f32f32_tf32f32_f32", Status.FAIL)])
def test_the_engines_layers_are_held_against_the_file(
    kernel: str, status: Status, says: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layers = tmp_path / "layers.json"
    layers.write_text(json.dumps({"Layers": [{"Name": "linear", "TacticName": f"sm80_xmma_gemm_{kernel}_tn"}]}))
    found = judge(saved(graphs.linear(), tmp_path), EngineSettings(), layers, None)
    assert found.description.precisions == {"linear": "int8"}
    assert worst(found.verdicts) is status


def test_trtexec_is_told_only_what_its_version_may_build(says: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = saved(graphs.linear(), tmp_path)
    assert "--saveEngine=model.engine" in judge(path, EngineSettings(), None, "11.0").trtexec
    for settings, version in (
        (EngineSettings(), "10.2"),
        (EngineSettings(dla_core=0), "10.9"),
        (EngineSettings(), "new"),
    ):
        with pytest.raises(RefusedInput, match=version) as refused:
            judge(path, settings, None, version)
        assert refused.value.allowed


def test_a_layer_file_that_is_not_there_is_refused(says: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="cannot be read"):
        judge(saved(graphs.linear(), tmp_path), EngineSettings(), tmp_path / "none.json", None)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path
