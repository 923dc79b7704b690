"""Zip archives from outside, read whole into memory: only plain members, as large as they say, under one folder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from l0gm_edge.core.errors import RefusedInput

MOST_MEMBERS = 100_000
PLAIN = "members stored uncompressed under one folder, as torch writes them"


def members(content: bytes, where: str) -> dict[str, bytes]:
    """Every member by its path below the one top folder.

    Nothing is inflated, so what comes out is no larger than what went in. Raises RefusedInput for what is no zip
    archive, is cut short, fails its checksums, or has members that are compressed, encrypted, doubled, overlapping, or
    named outside the folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            _require_plain(infos, len(content), where)
            held = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise refused(where, f"it is damaged or no zip archive ({error})") from error
    tops = {name.partition("/")[0] for name in held}
    if len(tops) != 1 or not all("/" in name for name in held):
        raise refused(where, f"its members lie in {len(tops)} top folders")
    return {name.partition("/")[2]: value for name, value in held.items()}


def packed(held: Mapping[str, bytes], top: str = "model") -> bytes:
    """Members as a new archive, for a reader that shall see nothing but these."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in held.items():
            archive.writestr(zipfile.ZipInfo(f"{top}/{name}"), value)
    return buffer.getvalue()


def refused(where: str, why: str) -> RefusedInput:
    """The refusal of an archive."""
    return RefusedInput(
        f"not a program that can be used: {why}", where=where, allowed=f"what torch.export.save writes: {PLAIN}"
    )


def _require_plain(infos: list[zipfile.ZipInfo], size: int, where: str) -> None:
    if not 0 < len(infos) <= MOST_MEMBERS:
        raise refused(where, f"it has {len(infos)} members")
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise refused(where, "a member stands in it twice")
    for info in infos:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or str(path) != info.filename:
            raise refused(where, f"member '{info.filename}' points outside the archive's folder")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise refused(where, f"member '{info.filename}' is compressed")
        if info.flag_bits & 1:
            raise refused(where, f"member '{info.filename}' is encrypted")
    if sum(info.file_size for info in infos) > size:
        raise refused(where, "its members overlap")
