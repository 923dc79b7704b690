"""The consumer in the bundle, as a person would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from l0gm_edge.bundle import integrity
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


def test_it_stands_alone(bundle: Path) -> None:
    source = (bundle / "consume.py").read_text()
    assert "l0gm_edge" not in source
