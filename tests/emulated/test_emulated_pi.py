"""The whole road to an emulated Raspberry Pi: real SSH, the real agent, arm64 builds of both runtimes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import sshd

from l0gm_edge import data, devices
from l0gm_edge.core import load, store
from l0gm_edge.core.artifact import Artifact
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.report import Report
from l0gm_edge.core.truth import Chains, Place
from l0gm_edge.measure import bench
from l0gm_edge.pipeline.building import Artifacts
from l0gm_edge.pipeline.judging import Measurements

pytestmark = pytest.mark.arm64

ROOT = Path(__file__).parents[2]
NEEDED = {"mmdebstrap": "mmdebstrap", "qemu-aarch64-static": "qemu-user-static", "nsenter": "util-linux"}
AVMNIST = all((data.default_folder() / file).is_file() for file in data.plugin("avmnist").PREPARED)
NAME = "avmnist" if AVMNIST else "digits"
FP32_DIFFERENCE = 1e-5
QUICK = ("learn.steps=80", "learn.batch_size=32", "moe.experts=4", "checks.max_accuracy_drop_points=100")


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HardwareProfile]:
    """The emulated Raspberry Pi, switched on; its root is built when there is none yet."""
    missing = [f"apt-get install {package}" for tool, package in NEEDED.items() if not shutil.which(tool)]
    if missing or sshd.missing():
        pytest.skip("; ".join([*missing, *filter(None, [sshd.missing()])]))
    told = tmp_path_factory.mktemp("pi") / "told"
    with told.open("w") as log:
        serve = subprocess.Popen(
            [ROOT / "tools" / "emulated_pi" / "serve"],
            env=os.environ | {"PYTHON": sys.executable},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while "answers on" not in told.read_text():
            assert serve.poll() is None, told.read_text()
            time.sleep(0.2)
        yield load.hardware(str(ROOT / "hardware" / "emulated-pi.yaml"))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(serve.pid, signal.SIGTERM)
        serve.wait(60)


@pytest.fixture(scope="module")
def run(pi: HardwareProfile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, made by the command line."""
    out = tmp_path_factory.mktemp("run") / "out"
    options = [f"data={{entry: 'few_rows:{NAME}'}}", *QUICK]
    command = [sys.executable, "-m", "l0gm_edge", "run", str(ROOT / "recipes" / f"{NAME}.yaml")]
    command += ["--hardware", str(ROOT / "hardware" / "emulated-pi.yaml"), "--out", str(out)]
    command += ["--pythonpath", str(ROOT / "tests" / "builders")]
    done = subprocess.run(
        [*command, *(part for option in options for part in ("--set", option))], capture_output=True, text=True
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return out


@pytest.fixture(scope="module")
def answers(run: Path) -> list[tuple[Artifact, Measurement, np.ndarray, np.ndarray]]:
    """Each file, what the device said of it, and its answers to the test rows: there, and on this machine."""
    artifacts = store.read_value(Artifacts, run / "compile" / "artifacts.json").artifacts
    there = store.read_value(Measurements, run / "measure" / "measurements.json").measurements
    rows = few_test_rows()
    here = load.hardware("host-cpu").model_copy(update={"execution": Execution.FAKE})
    files = [(one, run / "compile" / one.path) for one in artifacts]
    folder = run / "here"
    with devices.plugin("local").connect(here) as device:
        ours = bench.measure(device, here, files, {"test": rows}, Measure(), folder)
    return [
        (one, far, np.load(run / "measure" / far.outputs["test"]), np.load(folder / near.outputs["test"]))
        for one, far, near in zip(artifacts, there, ours, strict=True)
    ]


def few_test_rows() -> dict[str, np.ndarray]:
    import few_rows

    return dict(getattr(few_rows, NAME)().test.inputs)


def test_answers_go_from_torch_through_this_machine_to_the_device_without_parting(run: Path) -> None:
    chains = store.read_value(Chains, run / "measure" / "ways.json").chains
    assert len(chains) == len({chain.artifact for chain in chains}) > 3
    for chain in chains:
        assert [link.place for link in chain.links] == [Place.FILE, Place.HOST, Place.DEVICE]
        assert chain.parted is None, chain


def test_floats_agree_with_this_machine_and_integers_to_one_step(
    answers: list[tuple[Artifact, Measurement, np.ndarray, np.ndarray]],
) -> None:
    assert {(one.runtime, one.scheme) for one, *_ in answers} == {
        ("onnxruntime", "fp32"),
        ("onnxruntime", "static_int8"),
        ("tflite", "fp32"),
        ("tflite", "mixed_int8"),
    }
    for one, _, there, here in answers:
        largest, step = np.abs(here).max(), np.ptp(here) / 255
        allowed = FP32_DIFFERENCE * largest if one.scheme == "fp32" else step
        assert np.abs(there - here).max() <= allowed, one.name
        assert (there.argmax(axis=1) == here.argmax(axis=1)).all(), one.name


def test_what_the_device_tells_is_an_arm_board(
    answers: list[tuple[Artifact, Measurement, np.ndarray, np.ndarray]],
) -> None:
    for _, there, *_ in answers:
        assert there.machine["processor"].startswith("Raspberry Pi 4")
        assert "aarch64" in there.machine["system"]


def test_parity_holds_and_time_and_memory_are_not_measured(run: Path) -> None:
    report = store.read_value(Report, run / "report.json")
    parity = [one for one in report.verdicts if one.check == "parity"]
    assert len(parity) == len(report.artifacts)
    assert {str(one.status) for one in parity} == {"PASS"}, [one.reason for one in parity]
    told = json.loads((run / "measure" / "measurements.json").read_text())["measurements"]
    for one in told:
        assert (one["execution"], one["blocks"], one["load_ns"]) == ("emulated", [], [])
        assert one["peak_memory_bytes"] is None
    assert "not measured" in (run / "report.md").read_text()


def test_the_board_fills_in_its_profile(pi: HardwareProfile, tmp_path: Path) -> None:
    file = tmp_path / "emulated-pi.yaml"
    shutil.copy(ROOT / "hardware" / "emulated-pi.yaml", file)
    command = [sys.executable, "-m", "l0gm_edge", "hardware", "probe", "--write", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    found = load.hardware(str(file))
    assert found.module.value == "Raspberry Pi 4 Model B Rev 1.5"
    assert {one.name: one.versions is not None for one in found.runtimes} == {"onnxruntime": True, "tflite": True}
    assert (found.transport, found.execution) == (pi.transport, pi.execution)
