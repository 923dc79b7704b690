"""One file over HTTPS: resumed after a cut, verified by its sha256, in place only when whole."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from l0gm_edge.core import store
from l0gm_edge.core.errors import DataError, IntegrityError, StorageFailed, ToolFailed
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import CHOOSE_FOLDER

ATTEMPTS = 4
TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 16
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
GONE = (401, 403, 404, 410, 451)
"""Answers that asking again will not change."""


class _Cut(Exception):
    """The connection ended before the file did."""


NETWORK_ERRORS = (_Cut, http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError)


def download(original: Original, folder: Path, progress: Progress | None = None, pause_s: float = 1.0) -> Path:
    """Download a file into `folder` and return its path; one that is already there, and right, is kept.

    What has arrived waits in a `.part` file and is gone on from, by this call's later attempts or by a later call.
    Between attempts it waits `pause_s`, doubled each time. Raises DataError for an address that is not https,
    IntegrityError for another sha256 than promised, ToolFailed when the network or server does not give the file,
    StorageFailed when the disk does not take it.
    """
    _require_secure(original.url)
    listener = progress or Silent()
    whole, part = folder / original.file, folder / f"{original.file}.part"
    with store.storage_errors(folder, todo=CHOOSE_FOLDER):
        _make(folder)
        if whole.is_file() and _is_right(original, whole):
            return whole
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                resumed = _receive(original, part, listener)
            except NETWORK_ERRORS as error:
                if last or (isinstance(error, urllib.error.HTTPError) and error.code in GONE):
                    raise _unreachable(original, part, error) from error
                listener.note(f"{original.file}: {_reason(error)}; trying again")
                time.sleep(pause_s * 2**attempt)
                continue
            if _is_right(original, part):
                part.replace(whole)
                store.sync_folder(folder)
                return whole
            found = store.file_sha256(part)
            part.unlink()
            if last or not resumed:  # two halves of different files get one more chance, from the start
                raise _other_content(original, found)
    raise AssertionError("the last attempt returns or raises")


def _receive(original: Original, part: Path, progress: Progress) -> bool:
    """Bring `part` to full length; true when it went on from what was there."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "l0gm-edge", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(original.url, headers=headers)  # noqa: S310 (_require_secure has seen it)
    try:
        with _opener().open(request, timeout=TIMEOUT_S) as response:
            start, total = _extent(response)
            if start not in (0, have):
                part.unlink()
                raise _Cut(f"the server answered with bytes from {start} where {have} was asked for")
            with (
                part.open("ab" if start else "wb") as file,
                progress.task(f"{original.file}, bytes", total) as task,
            ):
                task.advance(start)
                _copy(response, file, task.advance)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # as long as the file, or longer: it cannot be gone on from
        raise
    size = part.stat().st_size
    if total is not None and size != total:
        raise _Cut(f"{size} of {total} bytes arrived")
    return start > 0


def _extent(response: http.client.HTTPResponse) -> tuple[int | None, int | None]:
    """Where the answer starts in the file, and the file's size, as far as told: a server may ignore the range."""
    if response.status != http.client.PARTIAL_CONTENT:
        length = response.headers.get("Content-Length")
        return 0, int(length) if length else None
    extent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not extent:
        return None, None
    return int(extent[1]), None if extent[2] == "*" else int(extent[2])


def _copy(response: http.client.HTTPResponse, file: IO[bytes], advance: Callable[[int], None]) -> None:
    while chunk := response.read(CHUNK_BYTES):
        file.write(chunk)
        advance(len(chunk))
    file.flush()
    os.fsync(file.fileno())


def _is_right(original: Original, path: Path) -> bool:
    return original.sha256 is None or store.file_sha256(path) == original.sha256


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never to an address that `download` would refuse."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_secure(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_SecureRedirects)


def _require_secure(url: str) -> None:
    address = urlsplit(url)
    if address.scheme == "https" or (address.scheme == "http" and address.hostname in THIS_MACHINE):
        return
    raise DataError("a download address is not secure", where=url, allowed="https, or http on this machine")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"the data folder cannot be made: {error.strerror}", where=str(folder), todo=CHOOSE_FOLDER
        ) from error


def _reason(error: Exception) -> str:
    return str(error.reason if isinstance(error, urllib.error.URLError) else error)


def _unreachable(original: Original, part: Path, error: Exception) -> ToolFailed:
    kept = f"; what arrived is kept in {part.name}" if part.is_file() else ""
    return ToolFailed(
        f"{original.file} could not be downloaded: {_reason(error)}{kept}",
        where=original.url,
        todo="run the command again when the network is back, or prepare the data on another machine and name its "
        "folder: --data-dir or L0GM_EDGE_DATA",
    )


def _other_content(original: Original, found: str) -> IntegrityError:
    return IntegrityError(
        f"{original.file} is another file than promised: its sha256 is {found}, not {original.sha256}",
        where=original.url,
        todo="try again later or from another network: the source has changed, or something on the way alters files",
    )
