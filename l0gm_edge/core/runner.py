"""A program of the user's own that times models on a device without Python: LiteRT's `benchmark_model`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from l0gm_edge.core.value import Value


def _plain(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("no path to a file")
    return text


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("no sha256: 64 digits of 0-9 and a-f, as sha256sum prints it")
    return text


class Runner(Value):
    """Where the program lies here, and the sha256 that it must have; `xnnpack` is its --use_xnnpack, null its default.

    A relative path is seen from the profile's file.
    """

    path: Annotated[str, AfterValidator(_plain)]
    sha256: Annotated[str, AfterValidator(_digest)]
    xnnpack: bool | None = None

    def seen_from(self, folder: Path) -> Runner:
        """The same program, its path made whole."""
        return self.model_copy(update={"path": str((folder / Path(self.path).expanduser()).absolute())})
