"""The engine of a file: built on this device where there is none yet, and kept.

Engines lie in `L0GM_EDGE_ENGINES`, or in `l0gm-edge/engines` of the user's cache folder, under a digest of all that
they depend on; so do the times of kernels. Python 3.8, and `tensorrt`, `trtexec` or `tensorrt_rtx_bindings`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, NamedTuple

DESCRIPTION = ".build.json"
CALIBRATION = ".build.npz"
TEGRA_RELEASE = Path("/etc/nv_tegra_release")
BY_DEFAULT = ("tensorrt", "trtexec")
ON_THE_HOST = "host clock around enqueue and synchronization; inputs and outputs in device memory, no CUDA graph"
ON_THE_GPU = "trtexec's GPU compute time, by CUDA events; a process a block, no CUDA graph, no data moved, spin wait"

Json = Dict[str, Any]


class EngineError(Exception):
    """There is no TensorRT, or it makes no engine of a file."""

    told = True


class Tool(NamedTuple):
    """What builds and runs here: a Python package, or trtexec at `program`."""

    name: str
    version: str
    program: str | None

    @property
    def whole_name(self) -> str:
        """As a report names it."""
        return f"{self.name} {self.version}"


class Prepared(NamedTuple):
    """An engine that is there: the tool it is for, its file, what the host is told of it, and what it was built from
    (none where it was brought)."""

    tool: Tool
    path: Path
    record: Json
    description: Json | None


@lru_cache(maxsize=None)
def gpu() -> Any:
    """The GPU; one context a process."""
    return import_module("cuda_driver").Cuda()


@lru_cache(maxsize=None)
def find_tool(wanted: str | None) -> Tool:
    """The tool of this name, or the first of `BY_DEFAULT` that is here."""
    for name in [wanted] if wanted else BY_DEFAULT:
        if name == "trtexec":
            trtexec = import_module("trtexec")
            program = trtexec.find()
            if program:
                return Tool(name, trtexec.version(program), program)
            continue
        try:
            return Tool(name, str(import_module(name).__version__), None)
        except ImportError:
            continue
    looked = f"looked for {wanted}" if wanted else "looked for Python's tensorrt, and for trtexec"
    raise EngineError(f"there is no TensorRT on this device ({looked})")


@lru_cache(maxsize=None)
def prepared(path: str) -> Prepared:
    """The engine of an .onnx file, by its description beside it, or an .engine file as it is."""
    capability = gpu().capability()
    if path.endswith(".engine"):
        tool = find_tool(None)
        record: Json = {"key": None, "build_seconds": None, "layers": None, "asked": {}, "chosen_by_tensorrt": False}
        return Prepared(tool, Path(path), _told(record, tool, Path(path)), None)
    description = json.loads(Path(path + DESCRIPTION).read_text(encoding="utf-8"))
    settings, implicit = description["settings"], description["calibration_sha256"] is not None
    tool = find_tool(settings["builder"])
    _require_allowed(tool, settings, implicit)
    key = {
        "onnx_sha256": _sha256(Path(path).read_bytes()),
        "build_sha256": _sha256(json.dumps([settings, description["calibration_sha256"]], sort_keys=True).encode()),
        "tool": tool.name,
        "tensorrt": tool.version,
        "compute_capability": capability,
        "jetpack": jetpack(),
    }
    record = _kept(key, tool, path, settings, implicit)
    record.update(key=key, asked=description["precisions"], chosen_by_tensorrt=implicit)
    engine = engine_file(key)
    return Prepared(tool, engine, _told(record, tool, engine), description)


def engine_file(key: Json) -> Path:
    """Where the engine of this key lies."""
    return cache_folder() / f"{_sha256(json.dumps(key, sort_keys=True).encode())}.engine"


def cache_folder() -> Path:
    """Where engines are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("L0GM_EDGE_ENGINES") or f"{cache}/l0gm-edge/engines").expanduser()


def jetpack(told: Path = TEGRA_RELEASE) -> str | None:
    """The release of JetPack's Linux (L4T 36.4.3), of which each JetPack has its own; None off a Jetson."""
    if not told.is_file():
        return None
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", told.read_text(errors="replace"))
    return f"L4T {found.group(1)}.{found.group(2)}" if found else None


def _require_allowed(tool: Tool, settings: Json, implicit: bool) -> None:
    build = import_module("tensorrt_build")
    if implicit and tool.name == "trtexec":
        raise EngineError("implicit_int8 needs Python's tensorrt 10 on the device: trtexec does not calibrate")
    if implicit and tool.name == build.RTX:
        raise EngineError("implicit_int8 needs TensorRT 10: TensorRT-RTX has no calibrator")
    refused = None if tool.name == build.RTX else build.why_not(settings, tool.version, implicit)
    if refused:
        raise EngineError(refused)


def _kept(key: Json, tool: Tool, path: str, settings: Json, implicit: bool) -> Json:
    """What is known of the engine of a key; it is built where none is kept, or what is kept was damaged."""
    engine = engine_file(key)
    record = engine.with_suffix(".json")
    if engine.is_file() and record.is_file():
        known: Json = json.loads(record.read_text(encoding="utf-8"))
        if known["engine_sha256"] == _sha256(engine.read_bytes()):
            return known
    engine.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(engine.parent), prefix=".building-") as folder:
        fresh = Path(folder) / "made.engine"
        known = _built(key, tool, path, settings, implicit, fresh)
        known["engine_sha256"] = _sha256(fresh.read_bytes())
        (Path(folder) / "made.json").write_text(json.dumps(known), encoding="utf-8")
        fresh.replace(engine)
        (Path(folder) / "made.json").replace(record)
    return known


def _built(key: Json, tool: Tool, path: str, settings: Json, implicit: bool, engine: Path) -> Json:
    """Build in a process of its own: how long it took, and the engine's layers."""
    place = "-".join(str(key[part]) for part in ("tool", "tensorrt", "compute_capability", "jetpack")).replace(" ", "")
    cache = str(cache_folder() / f"{place}.timing")
    if tool.program:
        trtexec = import_module("trtexec")
        options = trtexec.build_options(path, settings, tool.version, str(engine), cache)
        seconds, layers = trtexec.build(tool.program, options, engine.parent)
        return {"build_seconds": seconds, "layers": layers}
    order = {
        "package": tool.name,
        "model": path,
        "settings": settings,
        "engine": str(engine),
        "timing_cache": cache if settings["timing_cache"] and tool.name == "tensorrt" else None,  # RTX times nothing
        "calibration": path + CALIBRATION if implicit else None,
    }
    ordered = engine.with_suffix(".order.json")
    ordered.write_text(json.dumps(order), encoding="utf-8")
    program = Path(__file__).with_name("tensorrt_build.py")
    done = subprocess.run([sys.executable, str(program), str(ordered)], capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"it ended with {done.returncode}"]
        raise EngineError(f"{tool.whole_name} builds no engine of this file: {said[-1]}")
    made = json.loads(done.stdout.decode().splitlines()[-1])
    return {"build_seconds": made["seconds"], "layers": made["layers"]}


def _told(record: Json, tool: Tool, engine: Path) -> Json:
    """What the host is told."""
    timing = ON_THE_GPU if tool.program else ON_THE_HOST
    digest = record.get("engine_sha256") or _sha256(engine.read_bytes())
    return dict(record, by=tool.whole_name, timing=timing, engine_sha256=digest, size_bytes=engine.stat().st_size)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
