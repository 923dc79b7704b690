"""Ranges of versions, held against what a device over SSH says is installed there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import native_profiles
import pytest
import sshd

from l0gm_edge.core import load
from l0gm_edge.core.environment import installed_version
from l0gm_edge.core.errors import IntegrityError, RecipeError
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.pipeline import installed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.serving(tmp_path_factory.mktemp("sshd")) as running:
        yield running


def board(server: sshd.Sshd, versions: str | None) -> HardwareProfile:
    runtime = Runtime(name="onnxruntime", schemes=("fp32",), versions=versions)
    return server.profile(HardwareProfile(name="board", title="A board", runtimes=(runtime,)))


def test_a_range_that_leaves_out_what_the_device_has_is_refused(server: sshd.Sshd) -> None:
    with pytest.raises(RecipeError) as caught:
        installed.require_device(board(server, ">=99"))
    assert f"runs onnxruntime >=99, and installed is onnxruntime {installed_version('onnxruntime')}" in str(
        caught.value
    )
    assert caught.value.where == "hardware profile board, runtimes[0].versions"


@pytest.mark.parametrize("versions", [">=1,<99", None])
def test_a_range_that_holds_it_is_not(server: sshd.Sshd, tmp_path: Path, versions: str | None) -> None:
    installed.require_device(board(server, versions))
    assert list((server.home / ".cache" / "l0gm-edge" / "work").iterdir()) == []


def test_a_native_runner_is_held_against_its_digest_and_tells_no_version(tmp_path: Path) -> None:
    phone = load.hardware(str(native_profiles.write(tmp_path)))
    ranged = phone.model_copy(update={"runtimes": (phone.runtimes[0].model_copy(update={"versions": ">=99"}),)})
    installed.require_versions(ranged)
    installed.require_device(ranged)
    (tmp_path / "benchmark-tflite").write_text("something else")
    with pytest.raises(IntegrityError, match="the file was changed"):
        installed.require_device(ranged)
