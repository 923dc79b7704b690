"""One model timed by a native runner, here and on an Android device that has no Python. The runner is a stand-in, which
runs models with the LiteRT of this Python; the device is the loopback one behind the real adb client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import adb_device
import pytest
import tiny_models
from fake_device import FakeDevice

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.core.profiled import AggregateProfile
from l0gm_edge.devices import adb, local
from l0gm_edge.measure import profiling
from l0gm_edge.measure.native.profile import runs_of
from l0gm_edge.measure.profiling import Wanted
from l0gm_edge.measure.stream import Least

Profile = Callable[..., HardwareProfile]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.write_tflite(tmp_path / "net.tflite")


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[adb_device.AdbDevice]:
    reason = adb_device.missing()
    if reason:
        pytest.skip(reason)
    with adb_device.serving(tmp_path) as running:
        yield running


def test_a_profile_has_aggregates_of_each_process_and_no_samples(profile: Profile, model: Path) -> None:
    hardware = profile(threads=2)
    with local.connect(hardware) as device:
        found = profiling.profile(device, hardware, model, Wanted(processes=2, runs=40, layers=True))
    assert isinstance(found, AggregateProfile)
    assert [one.runs for one in found.processes] == [40, 40]
    assert (found.only, found.threads, len(found.load_ns)) == ("aggregates", 2, 2)
    assert found.runtime_version.startswith("benchmark_model, sha256 ")
    assert found.peak_memory_bytes is not None
    assert found.energy.mj is None
    assert found.operators is not None
    assert len(found.operators.layers) == 2
    assert "blocks" not in found.model_dump()


def test_nothing_but_a_shell_is_asked_of_the_device(profile: Profile, model: Path) -> None:
    hardware = profile()
    with local.connect(hardware) as real:
        device = FakeDevice(real)
        device.python = lambda: pytest.fail("Python was asked for")  # type: ignore[method-assign]
        profiling.profile(device, hardware, model, Wanted(processes=1, runs=20))


def test_a_phone_without_python_runs_models(profile: Profile, phone: adb_device.AdbDevice, model: Path) -> None:
    hardware = profile()
    way = phone.profile(hardware).transport.model_dump(exclude_unset=True) | {"python": None}
    there = hardware.model_copy(update={"transport": Transport.model_validate(way)})
    with adb.connect(there) as device:
        found = profiling.profile(device, there, model, Wanted(processes=1, runs=20))
    assert isinstance(found, AggregateProfile)
    assert found.processes[0].runs == 20
    assert found.before.conditions.time.startswith("20")


@pytest.mark.parametrize(("wanted", "named"), [({"sustained_s": 9}, "--sustained"), ({"threads": (1, 2)}, "--threads")])
def test_what_needs_samples_is_refused_before_anything_is_sent(
    profile: Profile, model: Path, wanted: dict[str, object], named: str
) -> None:
    with pytest.raises(RefusedInput, match=f"{named} needs .* a native runner gives aggregates alone"):
        profiling.require_sound(Wanted.model_validate(wanted), model, profile())


def test_a_runner_with_another_digest_is_refused_before_anything_is_sent(profile: Profile, model: Path) -> None:
    hardware = profile()
    profiling.require_sound(Wanted(), model, hardware)
    assert hardware.runner is not None
    Path(hardware.runner.path).write_text("something else")
    with pytest.raises(RefusedInput, match="the file was changed: its sha256 is"):
        profiling.require_sound(Wanted(), model, hardware)
    Path(hardware.runner.path).unlink()
    with pytest.raises(RefusedInput, match="the file is missing"):
        profiling.require_sound(Wanted(), model, hardware)


def test_a_least_time_and_number_are_shared_among_processes() -> None:
    asked = runs_of(250, Least(seconds=60, queries=1024), processes=3)
    assert (asked.runs, asked.min_seconds) == (342, 20)
    assert asked.max_seconds > 60
    assert runs_of(250, None, processes=3).runs == 250
