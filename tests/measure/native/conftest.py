"""A profile whose models run in a stand-in for `benchmark_model`, on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import native_profiles
import pytest

from l0gm_edge.core import load
from l0gm_edge.core.hardware import HardwareProfile


@pytest.fixture
def profile(tmp_path: Path) -> Callable[..., HardwareProfile]:
    """`profile(dialect, key=value...)`, as `native_profiles.write` has it."""
    return lambda *dialect, **keys: load.hardware(str(native_profiles.write(tmp_path, *dialect, **keys)))
