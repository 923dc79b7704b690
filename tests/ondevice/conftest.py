"""The agent as a module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

AGENT = Path(__file__).parents[2] / "l0gm_edge" / "ondevice" / "agent.py"


@pytest.fixture
def agent() -> ModuleType:
    loaded = importlib.util.spec_from_file_location("agent_under_test", AGENT)
    assert loaded is not None
    assert loaded.loader is not None
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    return module
