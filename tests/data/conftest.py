"""A web server on this machine that can misbehave, the folder of prepared data, and small originals."""

from __future__ import annotations

import hashlib
import io
import threading
import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge import data
from l0gm_edge.data import Original
from l0gm_edge.data._fetch import is_present


@dataclass
class Site:
    """What the server has and how it misbehaves; `asked` holds each request's path and Range header."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """For each coming answer, after how many bytes the connection is cut."""
    ranges: bool = True
    tells_length: bool = True
    wrong_range: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def original(self, file: str, content: bytes, *, sha256: str | None = None) -> Original:
        """Serve a file, and promise it by its own digest unless another is given."""
        self.files[f"/{file}"] = content
        return Original(url=f"{self.url}/{file}", file=file, sha256=sha256 or hashlib.sha256(content).hexdigest())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A running server that serves nothing yet."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.asked.append((self.path, wanted))
            if self.path in served.redirects:
                self.send_response(302)
                self.send_header("Location", served.redirects[self.path])
                self.end_headers()
                return
            if self.path not in served.files:
                self.send_error(404)
                return
            content = served.files[self.path]
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and served.ranges else 0
            if wanted and served.ranges and start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                told = start + 1 if served.wrong_range else start
                self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
            body = content[start:]
            if served.tells_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: served.cuts.pop(0)] if served.cuts else body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def token_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where token ids are kept, so that texts are read once for all tests and nothing lands in the user's own cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def prepared_folder(token_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """The data folder, when it has a data set; the test is skipped when it has not."""

    folder = data.default_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(token_cache))

    def folder_with(name: str) -> Path:
        if not is_present(data.plugin(name), folder):
            pytest.skip(f"'{name}' is not prepared in {folder}; l0gm-edge data fetch {name}, or set L0GM_EDGE_DATA")
        return folder

    return folder_with


@pytest.fixture
def as_wav() -> Callable[..., bytes]:
    """A .wav file of int16 samples."""

    def pack(samples: np.ndarray, rate: int = 8000, channels: int = 1) -> bytes:
        packed = io.BytesIO()
        with wave.open(packed, "wb") as sound:
            sound.setnchannels(channels)
            sound.setsampwidth(2)
            sound.setframerate(rate)
            sound.writeframes(samples.astype("<i2").tobytes())
        return packed.getvalue()

    return pack


@pytest.fixture
def as_archive() -> Callable[[dict[str, bytes]], bytes]:
    """A zip archive of named entries."""

    def pack(entries: dict[str, bytes]) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        return packed.getvalue()

    return pack
