"""A bundle of models of every runtime and scheme, verified and consumed for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import compiled
import numpy as np
import pytest
from synthetic import hardware, recipe

from l0gm_edge import backends
from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import Contents, Shipped, write
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.store import file_sha256
from l0gm_edge.core.verdict import Status

pytestmark = pytest.mark.slow
GIVEN = compiled.inputs(6, seed=4)


def shipped(runtime: str, scheme: str) -> Shipped:
    """A compiled model with torch's outputs as the expected ones."""
    path = compiled.files(runtime)[scheme]
    facts = backends.plugin(runtime).inspect(path)
    artifact = Artifact(
        name=f"compressed-{runtime}-{scheme}",
        role=Role.COMPRESSED,
        runtime=runtime,
        scheme=scheme,
        path=path.name,
        sha256=file_sha256(path),
        size_bytes=path.stat().st_size,
        inputs=facts.inputs,
        outputs=facts.outputs,
        recipe_sha256="0" * 64,
        tools={},
        ops=facts.ops,
    )
    return Shipped(artifact, path, 1.0, compiled.outputs(GIVEN))


def test_every_model_gives_the_expected_outputs(tmp_path: Path) -> None:
    models = [shipped(runtime, scheme) for runtime in ("onnxruntime", "tflite") for scheme in compiled.SCHEMES]
    write(Contents("made-up", recipe(), hardware(), ("a", "b", "c"), "as they come", GIVEN, models, {}), tmp_path)
    verdicts = verify(tmp_path).verdicts
    assert [verdict.status for verdict in verdicts] == [Status.PASS] * 4, [verdict.reason for verdict in verdicts]
    answers = [("a", "b", "c")[k] for k in compiled.outputs(GIVEN).argmax(axis=1)]
    for name in ("compressed-onnxruntime-fp32", "compressed-tflite-fp32"):
        command = [sys.executable, str(tmp_path / "consume.py"), name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert [line.split("\t")[0] for line in done.stdout.splitlines()] == answers
    assert np.isfinite([verdict.value for verdict in verdicts]).all()
