"""What tests of every folder share."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is slow, not wrong. CI tries the same examples every time; at a desk, new ones.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")

# A shell ignores Ctrl-C for what it starts in the background, and children of that would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Tests that measure in several processes at once do not wait for each other, nor for a person who measures.

    Said before any test is imported: some keep the environment they were imported in, for what they start.
    """
    lock = tempfile.TemporaryDirectory(prefix="l0gm-edge-lock-")
    os.environ["L0GM_EDGE_LOCK"] = str(Path(lock.name) / "lock")
    config.add_cleanup(lock.cleanup)


RECIPE = """\
name: tiny
description: as small as a recipe can be
data: {name: digits}
model:
  encoders:
    image: {encoder: image, widths: [16, 32], out: 32}
    table: {encoder: tabular, widths: [32], out: 16}
  latent: 32
moe: {experts: 4, top_k: 2, hidden: 32}
gates:
  target: {active_fraction: 0.4}
learn: {steps: 20}
distill: {weight: 0.5}
"""


@pytest.fixture
def recipe_text() -> str:
    """A small, valid recipe in YAML."""
    return RECIPE


@pytest.fixture
def recipe_file(tmp_path: Path, recipe_text: str) -> Path:
    """The small recipe as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(recipe_text, encoding="utf-8")
    return path


@pytest.fixture
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random numbers in every run of a test, for those that use torch."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
