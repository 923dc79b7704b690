"""The runner on a device: its command line, and how it can end. It is a stand-in that runs models with LiteRT."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import runner_output
import tiny_models
from fake_device import FakeDevice

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.runner import Runner
from l0gm_edge.core.store import file_sha256
from l0gm_edge.devices import CommandResult, Outcome, local
from l0gm_edge.measure import tasks
from l0gm_edge.measure.job import ModelFile
from l0gm_edge.measure.native import run
from l0gm_edge.measure.native.run import Native, Runs

Profile = Callable[..., HardwareProfile]
FEW = Runs(runs=30, warmup_runs=5, warmup_seconds=0)
REAL = os.environ.get("L0GM_EDGE_BENCHMARK_MODEL")


def model_file(path: str = "m.tflite") -> ModelFile:
    return ModelFile(name="m", path=path, sha256="0" * 64, runtime="tflite", threads=4)


def placed(device: FakeDevice, hardware: HardwareProfile, tmp_path: Path) -> tuple[Native, ModelFile]:
    native = run.placed(device, hardware)
    model = tiny_models.write_tflite(tmp_path / "m.tflite")
    return native, tasks.put_model(device, "m", "tflite", 1, model)


def saying(stdout: str = "", stderr: str = "", status: int = 0) -> Callable[[Sequence[str]], CommandResult | None]:
    """A runner that says this, whatever it is asked."""
    outcome = Outcome.OK if status == 0 else Outcome.COMMAND_FAILED
    said = CommandResult(outcome=outcome, status=status, stdout=stdout, stderr=stderr)
    return lambda command: said if any(one.startswith("--graph") for one in command) else None


def test_options_are_typed_values_and_nothing_else() -> None:
    asked = Runs(runs=7, min_seconds=1.5, max_seconds=90, warmup_runs=3, warmup_seconds=0.25)
    assert run.options(model_file("a b;$(id).tflite"), asked, xnnpack=False) == [
        "--graph=./a b;$(id).tflite",
        "--num_threads=4",
        "--num_runs=7",
        "--min_secs=1.5",
        "--max_secs=90",
        "--warmup_runs=3",
        "--warmup_min_secs=0.25",
        "--use_xnnpack=false",
    ]
    assert not any("xnnpack" in one for one in run.options(model_file(), asked))


@pytest.mark.parametrize("dialect", ["tflite", "litert", "old"])
def test_every_dialect_gives_aggregates_and_a_peak(profile: Profile, tmp_path: Path, dialect: str) -> None:
    hardware = profile(dialect)
    with local.connect(hardware) as real:
        native, model = placed(FakeDevice(real), hardware, tmp_path)
        found, peak = native.time(model, FEW), native.peak_memory_bytes(model, FEW)
    assert (found.runs, found.warmup_runs, found.ignored) == (30, 5, ())
    assert found.peak_memory_bytes is None
    assert (found.median_ns is None) == (dialect == "old")
    assert peak is not None
    assert peak > 10 << 20


def test_operators_are_told_by_a_runner_that_can(profile: Profile, tmp_path: Path) -> None:
    hardware = profile()
    with local.connect(hardware) as real:
        native, model = placed(FakeDevice(real), hardware, tmp_path)
        found = native.operators(model, FEW)
    assert [one.op for one in found.layers] == ["FULLY_CONNECTED", "ELU"]


def test_operators_are_not_told_by_a_runner_that_cannot(profile: Profile, tmp_path: Path) -> None:
    hardware = profile("litert")
    with local.connect(hardware) as real:
        native, model = placed(FakeDevice(real), hardware, tmp_path)
        found = native.operators(model, FEW)
    assert found.unavailable == "this runner does not know --enable_op_profiling"


def test_an_option_of_the_profile_that_is_not_known_is_no_silent_default(profile: Profile, tmp_path: Path) -> None:
    hardware = profile("litert", runner={"xnnpack": True})
    with local.connect(hardware) as real:
        native, model = placed(FakeDevice(real), hardware, tmp_path)
        with pytest.raises(DeviceFailed, match="does not know --use_xnnpack"):
            native.time(model, FEW)


def test_processes_keep_to_the_cores_of_the_profile(profile: Profile, tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    hardware = profile(affinity=[core])
    with local.connect(hardware) as real:
        device = FakeDevice(real)
        native, model = placed(device, hardware, tmp_path)
        assert native.time(model, FEW).runs == 30
    assert device.commands[-1][:2] == [f"{1 << core:x}", "./benchmark_model"]


def test_a_model_that_the_runner_refuses_is_told_in_its_words(device: FakeDevice) -> None:
    device.answer = saying(stderr=runner_output.FAILED, status=1)
    native = Native(device, Runner(path="b", sha256="0" * 64))
    with pytest.raises(DeviceFailed, match=r"command failed: .*Node number 57 \(BATCH_MATMUL\) failed to prepare"):
        native.time(model_file(), FEW)


@pytest.mark.parametrize(
    ("stdout", "runs", "told"),
    [
        (runner_output.OF_2025, 25, "ended after 24 of 25 runs"),
        ("Segmentation fault\n", 1, "0 lines 'count=...'"),
        ("", 1, "cannot be read"),
    ],
)
def test_an_account_of_less_than_was_asked_is_none(device: FakeDevice, stdout: str, runs: int, told: str) -> None:
    device.answer = saying(stdout)
    native = Native(device, Runner(path="b", sha256="0" * 64))
    with pytest.raises(DeviceFailed, match=told):
        native.time(model_file(), Runs(runs=runs))


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.TRANSPORT_LOST])
def test_a_runner_that_is_lost_has_failed_whatever_it_said(device: FakeDevice, outcome: Outcome) -> None:
    lost = CommandResult(outcome=outcome, status=None, stdout=runner_output.OF_2025, stderr="")
    device.answer = lambda _: lost
    with pytest.raises(DeviceFailed, match=f"did not finish: {outcome}"):
        Native(device, Runner(path="b", sha256="0" * 64)).time(model_file(), FEW)


@pytest.mark.skipif(not REAL, reason="L0GM_EDGE_BENCHMARK_MODEL names no benchmark_model for this machine")
def test_a_real_benchmark_model_is_understood(profile: Profile, tmp_path: Path) -> None:
    real_runner = Runner(path=str(REAL), sha256=file_sha256(Path(str(REAL))))
    hardware = profile()
    runtime = hardware.runtimes[0].model_copy(update={"runner": real_runner})
    with local.connect(hardware) as real:
        native, model = placed(FakeDevice(real), hardware.model_copy(update={"runtimes": (runtime,)}), tmp_path)
        assert native.time(model, FEW).runs >= 30
        assert native.peak_memory_bytes(model, FEW)
        told = native.operators(model, FEW)
    assert told.layers or told.unavailable
