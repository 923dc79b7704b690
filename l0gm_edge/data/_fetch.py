"""From the public source to the prepared form: download, verify, prepare, and leave nothing half-done."""

from __future__ import annotations

import shutil
from pathlib import Path

from l0gm_edge.core import store
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.value import Value
from l0gm_edge.data import DataPlugin, plugin
from l0gm_edge.data._download import download
from l0gm_edge.data._prepared import CHOOSE_FOLDER


class Fetched(Value):
    """What `fetch` left: the prepared files of a data set, and whether they had to be made."""

    name: str
    folder: str
    files: tuple[str, ...]
    made: bool


def fetch(name: str, folder: Path, progress: Progress | None = None) -> Fetched:
    """Put the prepared form of a data set into `folder`, unless it is there and sound.

    Originals are downloaded to `folder/originals/name` and removed once prepared; after a failure they stay, and the
    next call goes on from them. Raises RecipeError for an unknown name, what `download` raises, and DataError or
    IntegrityError when the originals are not what they should be.
    """
    data = plugin(name)
    if not data.PREPARED or _is_sound(data, folder):
        return Fetched(name=name, folder=str(folder), files=data.PREPARED, made=False)
    originals = folder / "originals" / name
    for original in data.ORIGINALS:
        download(original, originals, progress)
    try:
        data.prepare(originals, folder)
    except RefusedInput:
        _forget_unverified(data, originals)
        raise
    with store.storage_errors(folder, todo=CHOOSE_FOLDER):
        shutil.rmtree(originals)
    return Fetched(name=name, folder=str(folder), files=data.PREPARED, made=True)


def is_present(data: DataPlugin, folder: Path) -> bool:
    """Whether every prepared file is there; what it holds is verified when it is loaded."""
    return all((folder / file).is_file() for file in data.PREPARED)


def _is_sound(data: DataPlugin, folder: Path) -> bool:
    if not is_present(data, folder):
        return False
    try:
        data.load(folder)
    except RefusedInput:
        return False
    return True


def _forget_unverified(data: DataPlugin, originals: Path) -> None:
    """Originals that only their content can verify would otherwise be taken up again, and fail again."""
    for original in data.ORIGINALS:
        if original.sha256 is None:
            (originals / original.file).unlink(missing_ok=True)
