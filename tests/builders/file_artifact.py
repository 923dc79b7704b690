"""A model file as the artifact that a compile stage would make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.store import file_sha256


def of_file(path: Path, **changes: Any) -> Artifact:
    """The artifact; what `changes` leave out is that of a compressed fp32 model which tells nothing of itself."""
    plain: dict[str, Any] = {
        "name": path.stem,
        "role": Role.COMPRESSED,
        "runtime": "onnxruntime" if path.suffix == ".onnx" else "tflite",
        "scheme": "fp32",
        "path": path.name,
        "sha256": file_sha256(path),
        "size_bytes": path.stat().st_size,
        "inputs": (),
        "outputs": (),
        "recipe_sha256": None,
        "tools": {},
        "ops": {},
    }
    return Artifact(**plain | changes)
