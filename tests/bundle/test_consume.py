"""The consumer in the bundle, as a person would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from l0gm_edge.bundle import consume, integrity
from l0gm_edge.core.scores import probabilities


def test_it_prints_a_label_and_a_confidence_for_each_sample(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(bundle / "consume.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=bundle.parent,
    )
    manifest = integrity.read(bundle)
    odds = probabilities(np.load(bundle / manifest.models[0].expected), manifest.models[0].temperature)
    expected = [f"{manifest.labels[row.argmax()]}\t{row.max():.3f}" for row in odds]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_token_ids_go_in_as_the_type_that_a_model_takes(tmp_path: Path, kind: str) -> None:
    tiny_models.write_lookup(tmp_path / "lookup.onnx", kind)
    ids = np.array([[0, 2], [1, 1]], np.int64)
    np.savez(tmp_path / "inputs.npz", text=ids)
    manifest = {"samples": "inputs.npz", "sample_count": 2}
    model = {"path": "lookup.onnx", "runtime": "onnxruntime", "inputs": [{"name": "text", "dtype": kind}]}
    np.testing.assert_array_equal(consume.run(tmp_path, manifest, model), tiny_models.WEIGHT[ids])


def test_it_stands_alone(bundle: Path) -> None:
    source = (bundle / "consume.py").read_text()
    assert "l0gm_edge" not in source
