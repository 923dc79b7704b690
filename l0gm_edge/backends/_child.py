"""Converters run in a child process: their memory, their chatter and the packages they pull never reach the parent."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

from l0gm_edge.core import processes
from l0gm_edge.core.errors import ExportFailed, StorageFailed

_QUIET = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
_LINES_SHOWN = 3
# Frames (indented) and what tools print around the cause they name.
_NOISE = (" ", "Traceback", "Original traceback", "WARNING", "Use tlparse", "(Refer to", "- ", "## ", "⬆")


def run(module: str, *arguments: str | Path, purpose: str) -> None:
    """Run `python -m module arguments...` to its end.

    Raises ExportFailed with the child's last words, StorageFailed when they tell of a full disk.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | _QUIET | {"PYTHONPATH": processes.search_path()},
        preexec_fn=processes.ending_with_this_one(),
    )
    if done.returncode != 0 and os.strerror(errno.ENOSPC) in done.stderr:
        raise StorageFailed(f"{purpose} ran out of space", where=str(arguments[-1]), todo="free some space, run again")
    if done.returncode != 0:
        raise ExportFailed(
            f"{purpose} failed: {_last_words(done.stderr or done.stdout) or f'exit status {done.returncode}'}",
            where=str(arguments[0]),
            todo="rewrite the operation that is named, or drop this runtime or scheme from the hardware profile",
        )


def _last_words(text: str) -> str:
    """The end of what a tool said, where the cause stands, without frames and advice."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)  # colours
    spoken = [line[:300] for line in plain.splitlines() if line.strip() and not line.startswith(_NOISE)]
    return "\n".join(spoken[-_LINES_SHOWN:])
