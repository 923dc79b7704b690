"""Where a figure comes from: commit, machine, versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from l0gm_edge.core.errors import MissingExtra

TOOLS = (
    "torch",
    "onnx",
    "onnxruntime",
    "litert-torch",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "numpy",
)
_ASK_S = 60
_ASK = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def installed_version(package: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def installed_versions(packages: Sequence[str], python: str | None = None) -> dict[str, str]:
    """The versions of those of the distributions that are installed here, or for another interpreter of this machine.

    Empty for an interpreter that does not run.
    """
    if python is None:
        return {name: version for name in packages if (version := installed_version(name))}
    try:
        command = [str(Path(python).expanduser()), "-c", _ASK, *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ASK_S)
        found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return {}
    return found


def require(package: str, extra: str, purpose: str, todo: str | None = None) -> None:
    """Raise MissingExtra, naming the extra, unless a package can be imported; nothing is imported here."""
    if find_spec(package) is None:
        raise MissingExtra(package, extra, purpose, todo)


@cache
def tool_versions() -> dict[str, str]:
    """Versions of l0gm-edge and of the tools that make artifacts, as far as installed."""
    found = {name: installed_version(name) for name in ("l0gm-edge", *TOOLS)}
    return {name: version for name, version in found.items() if version}


@cache
def commit() -> tuple[str | None, bool | None]:
    """The commit of this source tree and whether it has uncommitted changes; (None, None) outside a checkout.

    Benchmark results do not count: a run of several benchmarks rewrites them one after the other.
    """
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None, None
    try:
        head = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return head, bool(changes)


def machine() -> dict[str, str]:
    """Processor, cores, system and Python of this machine."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def describe() -> dict[str, str]:
    """Everything above as one flat table, for reports and benchmark results."""
    head, dirty = commit()
    return machine() | tool_versions() | {"commit": str(head), "dirty": str(dirty)}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
