"""Measuring artifacts on this machine, and on one that lies or fails."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from board import Board
from fake_device import FakeDevice

from l0gm_edge.check.steady import unsteady
from l0gm_edge.core import latency
from l0gm_edge.core.artifact import Artifact
from l0gm_edge.core.errors import DeviceFailed, IntegrityError
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import file_sha256
from l0gm_edge.devices import CommandResult, Outcome
from l0gm_edge.measure import bench

SETTINGS = Measure(processes=2, blocks=6, runs_per_block=5)
DRAW = np.random.default_rng(3)
INPUTS = {
    split: {"x": DRAW.standard_normal((rows, 4)).astype(np.float32)}
    for split, rows in (("validation", 11), ("test", 5))
}
Artifacts = list[tuple[Artifact, Path]]


def measure(device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, folder: Path) -> list[Measurement]:
    return list(bench.measure(device, hardware, artifacts, INPUTS, SETTINGS, folder))


def test_everything_is_measured_in_one_interleaved_session(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    found = measure(device, hardware, artifacts, tmp_path / "out")
    assert [one.artifact for one in found] == ["one", "two", "floor"]
    assert len({one.session for one in found}) == 1
    pairs = {(process, index) for process in range(2) for index in range(6)}
    for one, (artifact, _) in zip(found, artifacts, strict=True):
        assert one.artifact_sha256 == artifact.sha256
        assert {(block.process, block.round) for block in one.blocks} == pairs
        assert len(one.latencies_ns) == 2 * 6 * 5
        assert one.warmup_runs >= 2 * 20
        assert len(one.load_ns) == 4
        assert one.machine["cores"]
        assert one.conditions_before.time <= one.conditions_after.time
    assert latency.ratio(found[0].blocks, found[1].blocks) is not None
    assert [one.runtime_version.split()[0] for one in found] == ["onnxruntime", "ai_edge_litert", "onnxruntime"]


def test_the_outputs_are_the_devices_and_lie_beside_the_record(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    for one in measure(device, hardware, artifacts, tmp_path / "out")[:2]:
        for split, arrays in INPUTS.items():
            path = tmp_path / "out" / one.outputs[split]
            assert file_sha256(path) == one.outputs_sha256[split]
            expected = tiny_models.linear(arrays["x"])
            expected = expected % 1e6 if one.artifact == "two" else expected
            np.testing.assert_allclose(np.load(path), expected, rtol=1e-5, atol=1e-5)


def test_a_floor_is_timed_and_weighed_only(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    one, two, floor = measure(device, hardware, artifacts, tmp_path / "out")
    assert (floor.outputs, floor.layers) == ({}, ())
    assert [layer.op for layer in one.layers] == ["Gemm"]
    assert two.fallback_ops == ("FLOOR_MOD",)


def test_off_hardware_only_answers_are_kept(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    emulated = hardware.model_copy(update={"execution": Execution.EMULATED})
    for one in measure(device, emulated, artifacts, tmp_path / "out"):
        assert (one.execution, one.blocks, one.load_ns, one.peak_memory_bytes) == (Execution.EMULATED, (), (), None)
        assert set(one.outputs) == set(INPUTS)
    assert [command for command in device.commands if "layers" in command[0]] == []


def test_a_file_that_is_not_the_artifact_is_refused_before_it_travels(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    artifacts[0][1].write_bytes(b"something else")
    with pytest.raises(IntegrityError, match="was changed"):
        measure(device, hardware, artifacts, tmp_path / "out")
    assert device.commands == []


def test_the_agents_own_message_reaches_the_person(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    wrong = {"test": {"unknown": INPUTS["test"]["x"]}}
    with pytest.raises(DeviceFailed, match="latency: model 'one': the model wants the input 'x'"):
        bench.measure(device, hardware, artifacts, wrong, SETTINGS, tmp_path / "out")


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.TRANSPORT_LOST])
def test_an_agent_that_does_not_finish_is_a_device_failure(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path, outcome: Outcome
) -> None:
    device.answer = answering("footprint-two.json", CommandResult(outcome=outcome, status=None, stdout="", stderr=""))
    with pytest.raises(DeviceFailed, match=f"footprint: the agent did not finish: {outcome}") as caught:
        measure(device, hardware, artifacts, tmp_path / "out")
    assert caught.value.where == "two"


def test_a_crash_is_a_device_failure_with_the_last_words(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    died = CommandResult(outcome=Outcome.COMMAND_FAILED, status=-11, stdout="", stderr="INFO: ready\nillegal thing\n")
    device.answer = answering("outputs.json", died)
    with pytest.raises(DeviceFailed, match="did not finish: command failed, status -11: illegal thing"):
        measure(device, hardware, artifacts, tmp_path / "out")


def test_operator_times_that_cannot_be_told_do_not_stop_the_rest(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    died = CommandResult(outcome=Outcome.COMMAND_FAILED, status=-11, stdout="", stderr="")
    device.answer = answering("tflite_layers.py", died)
    one, two, _ = measure(device, hardware, artifacts, tmp_path / "out")
    assert one.layers
    assert (two.layers, two.fallback_ops) == ((), ())
    assert two.outputs


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (np.zeros((4, 3), np.float32), "shape \\(4, 3\\)"),
        (np.zeros((5, 3), np.float64), "float64"),
        (np.full((5, 3), np.nan, np.float32), "NaN or infinity"),
    ],
)
def test_answers_that_cannot_be_true_are_refused(
    device: FakeDevice,
    hardware: HardwareProfile,
    artifacts: Artifacts,
    tmp_path: Path,
    answers: np.ndarray,
    expected: str,
) -> None:
    content = io.BytesIO()
    np.save(content, answers)
    device.tamper = lambda name, real: content.getvalue() if name.endswith("-test.npy") else real
    with pytest.raises(DeviceFailed, match=expected):
        measure(device, hardware, artifacts, tmp_path / "out")


def test_a_damaged_outputs_file_is_refused(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, tmp_path: Path
) -> None:
    device.tamper = lambda name, real: real[:50] if name.endswith(".npy") else real
    with pytest.raises(DeviceFailed, match="not readable"):
        measure(device, hardware, artifacts, tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b'"one"', b'"eno"', "other models than it was asked"),
        (b'"rounds": [[', b'"rounds": [[77], [', "blocks came back"),
        (b'"status": "ok"', b'"status": "fine"', "no sound result"),
        (b"{", b"", "no sound result"),
    ],
)
def test_a_result_that_does_not_echo_the_job_is_refused(
    device: FakeDevice,
    hardware: HardwareProfile,
    artifacts: Artifacts,
    tmp_path: Path,
    old: bytes,
    new: bytes,
    expected: str,
) -> None:
    device.tamper = lambda name, real: real.replace(old, new, 1) if name.startswith("latency") else real
    with pytest.raises(DeviceFailed, match=expected):
        measure(device, hardware, artifacts, tmp_path / "out")


def answering(program: str, result: CommandResult):  # type: ignore[no-untyped-def]
    def answer(command: Sequence[str]) -> CommandResult | None:
        return result if program in command else None

    return answer


def test_a_board_with_rails_that_is_slowed_down_says_both(
    device: FakeDevice, hardware: HardwareProfile, artifacts: Artifacts, board: Board, tmp_path: Path
) -> None:
    board.rail("VDD_IN", 5000, 1000)
    board.write("sys/class/thermal/cooling_device0/cur_state", "1")
    one, _, floor = measure(device, hardware, artifacts, tmp_path / "out")
    assert one.energy.mean_mw == pytest.approx(5000)
    assert one.energy.rails == ("VDD_IN",)
    assert floor.energy.unavailable == "not measured"
    assert {(held.process, held.round) for held in one.held_back} == {(p, r) for p in range(2) for r in range(6)}
    assert "held back in 12 rounds" in (unsteady(one, hardware) or "")
