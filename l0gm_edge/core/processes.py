"""Child processes that do not outlive the one that started them, even when it is killed without a word."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def ending_with_this_one() -> Callable[[], None]:
    """What `subprocess` calls in a new child (`preexec_fn`): on Linux the child is killed when its parent dies.

    Elsewhere a child of a killed parent goes on to its end.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return arrange


def search_path() -> str:
    """`PYTHONPATH` of a child: this package first, so that it is found from a source tree too, then what was given."""
    here = str(Path(__file__).parents[2])
    given = os.environ.get("PYTHONPATH")
    return f"{here}{os.pathsep}{given}" if given else here
