"""A file bound for TensorRT is ONNX, which ONNX Runtime runs on the host; into an engine one cannot look."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.check.tensors.onnxruntime import named, tensors

__all__ = ["HOST", "expose", "named", "tensors"]

HOST = "onnxruntime"


def expose(_model: Path, _copy: Path) -> bool:
    """As `TensorReader.expose`: with other outputs TensorRT would build another engine."""
    return False
