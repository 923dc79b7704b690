"""Checkpoints of a course under way, written atomically and read without unpickling objects."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from l0gm_edge.core.store import write_bytes


def save(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint, or None when there is none."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state
