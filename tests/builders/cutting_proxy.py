"""A port that leads to another one, and hangs up once so many bytes have passed; after that it lets everything pass."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """`passed` counts the bytes of both directions, over all connections."""

    def __init__(self, target: int, cut_at: float) -> None:
        self._target, self._cut_at, self.passed = target, cut_at, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listening.close()
        self._hang_up()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 14):
                self.passed += len(chunk)
                if self.passed >= self._cut_at:
                    self._cut_at = float("inf")
                    break
                sink.sendall(chunk)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _hang_up(self) -> None:
        for one in self._open:
            one.close()


@contextmanager
def cutting(target: int, cut_at: float) -> Iterator[CuttingProxy]:
    """A proxy that is gone afterwards."""
    proxy = CuttingProxy(target, cut_at)
    try:
        yield proxy
    finally:
        proxy.close()
