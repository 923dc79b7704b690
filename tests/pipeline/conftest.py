"""What the road's tests share: the tiny recipe and profile as values, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_road
from click.testing import CliRunner, Result

from l0gm_edge.cli.main import main
from l0gm_edge.core import load
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe

Run = Callable[..., Result]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The tiny recipe and its profile."""
    return tiny_road.write(tmp_path, "onnxruntime")


@pytest.fixture
def recipe(files: tuple[Path, Path]) -> Recipe:
    """The tiny recipe."""
    return load.recipe(str(files[0]))


@pytest.fixture
def hardware(files: tuple[Path, Path]) -> HardwareProfile:
    """Its profile."""
    return load.hardware(str(files[1]))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where runs go."""
    return tmp_path / "out"


@pytest.fixture
def torch_as_it_was() -> Iterator[None]:
    """Give torch its threads and settings back after a run in this process."""
    import torch

    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=False)


@pytest.fixture
def run(files: tuple[Path, Path], out: Path, torch_as_it_was: None) -> Run:
    """`l0gm-edge run` on the tiny recipe, in this process, with further options."""

    def invoke(*options: str) -> Result:
        result = CliRunner().invoke(main, [*tiny_road.command(files, out)[3:], *options])
        assert isinstance(result.exception, SystemExit | None)
        return result

    return invoke
