"""A program of the user's own that times models on a device without Python: LiteRT's `benchmark_model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from l0gm_edge.core.value import Value


def _plain(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("no path to a file")
    return text


class Runner(Value):
    """Where the program lies here, and the sha256 that it must have; `xnnpack` is its --use_xnnpack, null its default.

    A relative path is seen from the profile's file.
    """

    path: Annotated[str, AfterValidator(_plain)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    xnnpack: bool | None = None

    def seen_from(self, folder: Path) -> Runner:
        """The same program, its path made whole."""
        return self.model_copy(update={"path": str((folder / Path(self.path).expanduser()).absolute())})
