"""A command's output as lines while it comes, each told once however often a lost connection brings it anew."""

from __future__ import annotations

from collections.abc import Callable

from l0gm_edge.core.told import plain
from l0gm_edge.devices._link import LONGEST_LINE

Told = Callable[[str], object]


class Lines:
    """Where bytes go; `told` is called with every whole line, cut off at a limit and safe to show."""

    def __init__(self, told: Told) -> None:
        self._told, self._known = told, 0
        self._seen, self._rest = 0, b""

    def again(self) -> None:
        """What comes now begins at the beginning."""
        self._seen, self._rest = 0, b""

    def write(self, chunk: bytes) -> None:
        """Take what came."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._tell(line)
        self._rest = rest[:LONGEST_LINE]

    def close(self) -> None:
        """That was all: what no line break ended is a line too."""
        if self._rest:
            self._tell(self._rest)
        self._rest = b""

    def _tell(self, line: bytes) -> None:
        self._seen += 1
        if self._seen > self._known:
            self._known = self._seen
            self._told(plain(line[:LONGEST_LINE].decode(errors="replace")))
