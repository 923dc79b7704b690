"""A GPU that is none: a driver library whose memory is the process's own, and TensorRT in Python or as trtexec.

The models are those of `tiny_models`; what they compute is computed on the CPU. It shows that our calls are sound where
C, files and processes meet them, and nothing of TensorRT itself.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HALF, INT8, SINGLE = "f16f16_f16f32_f32", "i8i8_i8i32_f32", "f32f32_f32f32_f32"
"""Parts of kernels' names."""


@dataclass
class Machine:
    """Where the engines lie, what was built and in which order, and what the tools are told by the test."""

    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def engines(self) -> Path:
        """The cache of engines."""
        return self.folder / "engines"

    def built(self) -> list[str]:
        """A line for each build: the tool and what it was told."""
        log = self.folder / "builds.log"
        return log.read_text().splitlines() if log.is_file() else []

    def has_python(self, version: str) -> None:
        """Python's tensorrt of this version is installed."""
        packages = self.folder / "packages"
        packages.mkdir(exist_ok=True)
        shutil.copyfile(HERE / "tensorrt_package.py", packages / "tensorrt.py")
        self.patch.setenv("PYTHONPATH", str(packages))
        self.patch.setenv("FAKE_TENSORRT", version)

    def has_trtexec(self, version: str) -> None:
        """trtexec of this version is on the path."""
        program = self.folder / "bin" / "trtexec"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!{sys.executable}\n" + (HERE / "trtexec_program.py").read_text())
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        self.patch.setenv("FAKE_TRTEXEC", version)

    def computes_in(self, kernel: str) -> None:
        """The kernel that every engine gets."""
        self.patch.setenv("FAKE_KERNEL", kernel)


def driver(folder: Path) -> Path:
    """The folder of a driver library of our own making. Skips where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the driver library that the test makes up cannot be built")
    command = [compiler, "-shared", "-fPIC", "-o", str(folder / "libcuda.so.1"), str(HERE / "driver.c")]
    subprocess.run(command, check=True)
    return folder


def plugged_in(folder: Path, libraries: Path, patch: pytest.MonkeyPatch) -> Machine:
    """A machine with a GPU of compute capability 8.7, and no TensorRT yet."""
    patch.setenv("LD_LIBRARY_PATH", str(libraries))
    patch.setenv("L0GM_EDGE_ENGINES", str(folder / "engines"))
    patch.setenv("FAKE_BUILDS", str(folder / "builds.log"))
    machine = Machine(folder, patch)
    machine.computes_in(SINGLE)
    return machine
