"""Whether a bundle is what its manifest says: nothing missing, added, swapped or changed.

This tells damage and mix-ups. It is no signature (see `signature`): whoever compares `bundle_sha256` with one from a
trusted place knows that models, samples and consumers are the ones meant.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from l0gm_edge.bundle.manifest import MANIFEST, SIGNATURE, File, Manifest
from l0gm_edge.core import store
from l0gm_edge.core.errors import IntegrityError, RefusedInput

LARGEST_MANIFEST_BYTES = 4 * 2**20


def read(folder: Path) -> Manifest:
    """The manifest of a bundle, checked against itself; the files are not looked at.

    Raises RefusedInput when the folder is no bundle, IntegrityError when its manifest was changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise RefusedInput(f"there is no {MANIFEST} here", where=str(folder), allowed="the folder of a bundle")
    if path.is_symlink() or path.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise IntegrityError("the manifest is a link or larger than 4 MiB", where=str(path))
    content = path.read_bytes()
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise IntegrityError(f"the manifest does not make sense: {key}: {first['msg']}", where=str(path)) from error
    if manifest.bundle_sha256 != manifest.contents_sha256 or manifest.text().encode() != content:
        raise IntegrityError("the manifest was changed after it was written", where=str(path))
    return manifest


def require_intact(folder: Path, manifest: Manifest) -> None:
    """Raise IntegrityError, telling of every file that is missing, added or changed, unless there is none."""
    recorded = {**manifest.files, **manifest.reports}
    found = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    added = sorted(found - recorded.keys() - {MANIFEST, SIGNATURE, store.RECORD})
    problems = [f"{name}: does not belong to the bundle" for name in added]
    problems += [f"{name}: {fault}" for name, file in recorded.items() if (fault := _fault(folder / name, file))]
    if problems:
        raise IntegrityError("the bundle is not what its manifest says:\n" + "\n".join(problems), where=str(folder))


def _fault(path: Path, file: File) -> str | None:
    if path.is_symlink() or path.parent.is_symlink():
        return "is a link"
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != file.bytes:  # before reading it: a file may be absurdly large
        return f"has {size:,} bytes, not {file.bytes:,}"
    return None if store.file_sha256(path) == file.sha256 else "was changed: its sha256 is another"
