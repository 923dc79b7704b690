"""Data sets. Each public file of this folder is one, by its name in a recipe; all conform to `DataPlugin`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol, cast

from l0gm_edge.core import plugins
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.value import Value


class Original(Value):
    """One file of the public source: where it is, its name here, and the sha256 it must have (null: see `prepare`)."""

    url: str
    file: str
    sha256: str | None


class DataPlugin(Protocol):
    """What a file of this folder defines."""

    SUMMARY: str
    """One line for `l0gm-edge data list`."""
    ORIGINALS: tuple[Original, ...]
    """Files to download; empty when the data needs no network."""
    PREPARED: tuple[str, ...]
    """Files of the prepared form, as they lie in the data folder; empty when there is none."""

    def prepare(self, originals: Path, prepared: Path) -> None:
        """Turn downloaded originals into the prepared form. Raises DataError when they are not what they should be."""

    def load(self, folder: Path) -> Dataset:
        """Read the prepared form. Raises DataError, saying what to do, when it is missing or damaged."""


def plugin(name: str) -> DataPlugin:
    """The data set of this name. Raises RecipeError when there is none."""
    return cast(DataPlugin, plugins.load(__name__, name))


def default_folder() -> Path:
    """`L0GM_EDGE_DATA`, or the user's cache folder."""
    given = os.environ.get("L0GM_EDGE_DATA")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(given or f"{cache}/l0gm-edge/data").expanduser()


def fingerprint(name: str, folder: Path | None = None) -> str:
    """Digest of a data set's prepared files and of the code in this folder that reads them; nothing is loaded."""
    digest = hashlib.sha256(name.encode())
    where = folder or default_folder()
    prepared = [where / file for file in plugin(name).PREPARED]
    for path in [*sorted(Path(__file__).parent.glob("*.py")), *prepared]:
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def load(name: str, folder: Path | None = None) -> Dataset:
    """Load a data set from a folder (default: `default_folder`)."""
    return plugin(name).load(folder or default_folder())
