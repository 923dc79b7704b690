"""A bundle of models of every runtime and scheme, verified and consumed for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bundles
import compiled
import numpy as np
import pytest

from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import write
from l0gm_edge.core.verdict import Status

pytestmark = pytest.mark.slow


def test_every_model_gives_the_expected_outputs(tmp_path: Path) -> None:
    models = [bundles.shipped(*model) for model in compiled.FILES]
    write(bundles.contents(models), tmp_path)
    verdicts = verify(tmp_path).verdicts
    assert [verdict.status for verdict in verdicts] == [Status.PASS] * len(models), [
        verdict.reason for verdict in verdicts
    ]
    answers = [("a", "b", "c")[k] for k in compiled.outputs(bundles.ROWS).argmax(axis=1)]
    for name in ("compressed-onnxruntime-fp32", "compressed-tflite-fp32"):
        command = [sys.executable, str(tmp_path / "consume.py"), name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert [line.split("\t")[0] for line in done.stdout.splitlines()] == answers
    assert np.isfinite([verdict.value for verdict in verdicts]).all()
