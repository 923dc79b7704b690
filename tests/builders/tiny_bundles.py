"""Bundles of the linear models of `tiny_models`, made without torch or a converter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tiny_models
from reports import report_of
from synthetic import hardware, recipe

from l0gm_edge.bundle.write import Contents, Shipped, write
from l0gm_edge.core.artifact import Artifact, Role, TensorSpec
from l0gm_edge.core.report import ArtifactRow
from l0gm_edge.core.store import file_sha256
from l0gm_edge.core.verdict import Status

ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
WRITE = {"onnxruntime": tiny_models.write_onnx, "tflite": tiny_models.write_tflite}


def write_bundle(folder: Path, *runtimes: str, accuracy: float | None = None) -> Path:
    """A bundle with a model for each runtime; with an `accuracy`, it carries the report of a run."""
    models = [_shipped(folder.with_name(f"{folder.name}-source"), runtime) for runtime in runtimes]
    reports = {} if accuracy is None else {"report.json": _report(models, accuracy)}
    write(Contents("tiny", recipe(), hardware(), ("a", "b", "c"), "", {"x": ROWS}, models, reports), folder)
    return folder


def _shipped(source: Path, runtime: str) -> Shipped:
    source.mkdir(exist_ok=True)
    path = WRITE[runtime](source / f"m.{'onnx' if runtime == 'onnxruntime' else 'tflite'}")
    made = Artifact(
        name=f"compressed-{runtime}-fp32",
        role=Role.COMPRESSED,
        runtime=runtime,
        scheme="fp32",
        path=path.name,
        sha256=file_sha256(path),
        size_bytes=path.stat().st_size,
        inputs=(TensorSpec(name="x", shape=(1, 4), dtype="float32"),),
        outputs=(TensorSpec(name="y", shape=(1, 3), dtype="float32"),),
        recipe_sha256=None,
        tools={},
        ops={},
    )
    return Shipped(made, path, temperature=1.0, expected=tiny_models.linear(ROWS))


def _report(models: list[Shipped], accuracy: float) -> str:
    rows = tuple(
        ArtifactRow(
            name=one.artifact.name,
            role=one.artifact.role,
            runtime=one.artifact.runtime,
            scheme=one.artifact.scheme,
            sha256=one.artifact.sha256,
            bytes=one.artifact.size_bytes,
            accuracy=accuracy,
            ece=0.04,
            ece_scaled=0.02,
            nll=0.3,
            brier=0.1,
            temperature=1.0,
            p50_ms=None,
            p90_ms=None,
            p50_ratio_to_dense=None,
            p50_ratio_to_fp32=None,
            bytes_ratio_to_dense=None,
            load_ms=None,
            peak_memory_bytes=None,
            chosen=True,
            why="",
            reliability=(),
            reliability_scaled=(),
            layers=(),
        )
        for one in models
    )
    return report_of(recipe(), hardware(), Status.PASS).model_copy(update={"artifacts": rows}).model_dump_json()
