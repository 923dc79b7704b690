"""The run folder: atomic files, digests, and one sub-folder a stage, whole or absent."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from l0gm_edge.core.errors import IntegrityError, RefusedInput, StorageFailed
from l0gm_edge.core.value import Value

V = TypeVar("V", bound=Value)
RECORD = "record.json"
TEMPORARY = ".tmp"


class StageRecord(Value):
    """What a finished stage was made from (`inputs`) and every file it holds, by sha256."""

    stage: str
    inputs: dict[str, str]
    files: dict[str, str]
    seconds: float

    @property
    def sha256(self) -> str:
        """Digest of what the stage holds; the next stage is made from it."""
        return text_sha256(json.dumps(self.files, sort_keys=True))


class RunFolder:
    """One run on disk. Nothing is written until a stage is made."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, stage: str) -> Path:
        """The folder of a finished stage."""
        return self.root / stage

    def record(self, stage: str) -> StageRecord | None:
        """The record of a finished stage, or None.

        Raises IntegrityError when a file of the stage is missing or was changed.
        """
        path = self.path(stage) / RECORD
        if not path.is_file():
            return None
        record = read_value(StageRecord, path)
        for name, sha256 in record.files.items():
            require_digest(self.path(stage) / name, sha256)
        return record

    def finished(self, stage: str, inputs: Mapping[str, str]) -> StageRecord | None:
        """The record of a stage that was made from these inputs and is whole, or None."""
        try:
            done = self.record(stage)
        except IntegrityError:
            return None  # a damaged stage is made again
        return done if done and done.inputs == dict(inputs) else None

    def make(self, stage: str, inputs: Mapping[str, str], work: Callable[[Path], None]) -> StageRecord:
        """Make a stage: `work` fills a temporary folder, which becomes the stage's folder by one rename, when whole.

        The temporary folder is keyed by the inputs and kept after a failure, so that work which leaves checkpoints
        there can go on from them.
        """
        with storage_errors(self.root):
            partial = self.root / f".{stage}.{text_sha256(json.dumps(dict(inputs), sort_keys=True))[:16]}"
            self._forget_other_partials(stage, partial)
            partial.mkdir(parents=True, exist_ok=True)
            _forget_torn(partial)
            started = time.monotonic()
            work(partial)
            files = {name: file_sha256(partial / name) for name in sorted(_files(partial)) if name != RECORD}
            record = StageRecord(stage=stage, inputs=dict(inputs), files=files, seconds=time.monotonic() - started)
            write_value(partial / RECORD, record)
            self._replace(stage, partial)
        return record

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the folder for one run at a time. Raises RefusedInput when another run is at work in it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RefusedInput(
                    "another run is at work in this folder",
                    where=str(self.root),
                    todo="wait for it, or choose another folder with --out",
                ) from error
            yield

    def _forget_other_partials(self, stage: str, keep: Path) -> None:
        for stale in self.root.glob(f".{stage}.*"):
            if stale != keep:
                shutil.rmtree(stale)

    def _replace(self, stage: str, partial: Path) -> None:
        final = self.path(stage)
        if final.exists():
            outdated = self.root / f".{stage}.outdated"
            shutil.rmtree(outdated, ignore_errors=True)
            final.rename(outdated)
            partial.rename(final)
            shutil.rmtree(outdated)
        else:
            partial.rename(final)
        sync_folder(self.root)


@contextmanager
def storage_errors(
    where: Path, todo: str = "free some space or choose another folder with --out; finished stages are kept"
) -> Iterator[None]:
    """Turn a full disk, missing permission or read-only folder into StorageFailed with a way out."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR):
            raise
        raise StorageFailed(
            f"cannot write: {error.strerror}",
            where=str(error.filename or where),
            todo=todo,
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: a temporary name beside it, flushed, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_value(path: Path, value: Value) -> None:
    """Write a typed value as indented JSON, atomically."""
    write_text(path, value.model_dump_json(indent=2) + "\n")


def read_value(kind: type[V], path: Path) -> V:
    """Read a typed value from JSON. Raises RefusedInput when the file is missing or does not hold one."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise RefusedInput(f"there is no {path.name} here", where=str(path.parent)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RefusedInput(f"not a {kind.__name__}: {key}: {first['msg']}", where=str(path)) from error


def value_sha256(value: Value) -> str:
    """Digest of a typed value's JSON."""
    return text_sha256(value.model_dump_json())


def text_sha256(text: str) -> str:
    """Digest of UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_digest(path: Path, sha256: str) -> None:
    """Raise IntegrityError unless the file exists and has this digest."""
    if not path.is_file():
        raise IntegrityError("the file is missing", where=str(path))
    found = file_sha256(path)
    if found != sha256:
        raise IntegrityError(
            f"the file was changed: its sha256 is {found[:16]}…, the record says {sha256[:16]}…", where=str(path)
        )


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _forget_torn(folder: Path) -> None:
    """Remove what a kill cut short: files half-written, and folders of intermediate files."""
    for torn in list(folder.rglob(f".*{TEMPORARY}")):
        if torn.is_dir():
            shutil.rmtree(torn)
        else:
            torn.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
