from __future__ import annotations

import subprocess
import sys

import pytest

from l0gm_edge.backends import _child
from l0gm_edge.core import plugins
from l0gm_edge.core.errors import ExportFailed

HEAVY = ("torch", "jax", "onnx", "onnxruntime", "litert_torch", "ai_edge_litert", "ai_edge_quantizer")


def test_backends_import_no_heavy_package() -> None:
    imports = "; ".join(f"import l0gm_edge.backends.{name}" for name in plugins.names("l0gm_edge.backends"))
    code = f"import sys; {imports}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_failing_child_is_quoted_without_its_frames(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ExportFailed, match="a timing failed") as failed:
        _child.run("timeit", "1/0", purpose="a timing")
    assert "ZeroDivisionError" in failed.value.what
    assert "Traceback" not in failed.value.what
    assert capfd.readouterr() == ("", "")


def test_chatter_of_a_child_is_swallowed(capfd: pytest.CaptureFixture[str]) -> None:
    _child.run("timeit", "-n1", "-r1", "pass", purpose="a timing")
    assert capfd.readouterr() == ("", "")
