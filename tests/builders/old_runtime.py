"""An interpreter that has tflite-runtime 2.14 and nothing of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUNTIME = ("tflite-runtime==2.14.0", "numpy<2")


def python(folder: Path) -> str:
    """Its path, in a new environment; the test is skipped where none can be made."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("tflite-runtime 2.14 has wheels up to Python 3.11 only")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    made = str(folder / "bin" / "python")
    done = subprocess.run([made, "-m", "pip", "install", "-q", *RUNTIME], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"tflite-runtime 2.14 cannot be installed here: {done.stderr[-200:]}")
    return made
