"""A profile, and an SSH server where one is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
