"""A profile, an SSH server and an ADB device where they are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import adb_device
import pytest
import sshd

from l0gm_edge.core import load
from l0gm_edge.core.hardware import HardwareProfile


@pytest.fixture
def hardware(root: Path) -> HardwareProfile:
    return load.hardware(str(root / "hardware" / "host-cpu.yaml"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    reason = sshd.missing()
    if reason:
        pytest.skip(reason)
    with sshd.serving(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[adb_device.AdbDevice]:
    reason = adb_device.missing()
    if reason:
        pytest.skip(reason)
    with adb_device.serving(tmp_path_factory.mktemp("adb")) as running:
        yield running
