"""Models held against a baseline: what comes back, and what a machine that is not quiet ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_models
from fake_device import FakeDevice

from l0gm_edge.core.errors import NotQuiet
from l0gm_edge.core.recipe import Measure
from l0gm_edge.measure import comparing, job

SETTINGS = Measure(processes=2, blocks=3, runs_per_block=2)
SPEED = {"baseline": 100, "control": 100}


class Paced(FakeDevice):
    """Answers with made-up times: `SPEED` of a model, else 200, and the control's after each of `controls`."""

    def __init__(self, real: FakeDevice, controls: list[int]) -> None:
        super().__init__(real, tamper=self._paced)
        self.controls, self.jobs = controls, 0

    def _paced(self, remote: str, content: bytes) -> bytes:
        if not remote.startswith("latency-"):
            return content
        control = self.controls[min(self.jobs // SETTINGS.processes, len(self.controls) - 1)]
        self.jobs += 1
        result = json.loads(content)
        for model in result["models"]:
            ns = control if model["name"] == "control" else SPEED.get(model["name"], 200)
            model["rounds"] = [[ns] * len(block) for block in model["rounds"]]
        return json.dumps(result).encode()


def compare(device: FakeDevice, folder: Path, models: int) -> comparing.Comparison:
    path = tiny_models.write_onnx(folder / "one.onnx")
    job.put_programs(device)
    named = {f"m{index}": path for index in range(models)}
    return comparing.compare(device, "onnxruntime", 1, path, path, named, {}, SETTINGS)


def test_every_model_is_timed_beside_the_baseline_of_its_batch(device: FakeDevice, tmp_path: Path) -> None:
    found = compare(Paced(device, [100]), tmp_path, comparing.BATCH + 1)
    assert len(found.ratios) == comparing.BATCH + 1
    assert set(found.ratios.values()) == {((2.0,) * SETTINGS.blocks,) * SETTINGS.processes}
    assert found.controls == (((1.0,) * SETTINGS.blocks,) * SETTINGS.processes,) * 2
    runs = SETTINGS.processes * SETTINGS.blocks * SETTINGS.runs_per_block
    assert found.baseline_ns == ((100,) * runs,) * 2


def test_a_disturbed_batch_is_timed_again(device: FakeDevice, tmp_path: Path) -> None:
    paced = Paced(device, [110, 94, 104])
    found = compare(paced, tmp_path, 1)
    assert paced.jobs == 3 * SETTINGS.processes
    assert found.controls[0][0][0] == pytest.approx(1.04)


def test_a_machine_that_is_never_quiet_is_told_so(device: FakeDevice, tmp_path: Path) -> None:
    with pytest.raises(NotQuiet, match="differs by 7% from itself") as told:
        compare(Paced(device, [107]), tmp_path, 1)
    assert told.value.exit_status == 3
    assert "parameters or macs" in (told.value.todo or "")
