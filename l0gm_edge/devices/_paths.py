"""Paths on a device: relative to our work folder, and never out of it."""

from __future__ import annotations

from pathlib import PurePosixPath

from l0gm_edge.core.errors import DeviceFailed


def inside(remote: str) -> PurePosixPath:
    """A path in the device's work folder. Raises DeviceFailed for one that leads elsewhere, or is no plain name."""
    path = PurePosixPath(remote)
    if path.is_absolute() or not path.parts or ".." in path.parts or not remote.isprintable():
        raise DeviceFailed(f"{remote!r} lies outside the device's work folder", allowed="a relative path without ..")
    return path
