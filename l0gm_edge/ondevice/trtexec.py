"""TensorRT's own command line tool, where Python has no TensorRT: engines built, timed and asked through `trtexec`.

Every call is a process that loads the engine anew. Versions 10 and 11 differ in what they take and in what they do
unless told: 11 captures CUDA graphs, moves no data and spins while it waits. Here both are told the same. Python 3.8,
numpy.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, NamedTuple

import numpy as np

PLACES = ("/usr/src/tensorrt/bin/trtexec", "/usr/local/bin/trtexec", "/opt/tensorrt/bin/trtexec")
WARM_UP_MS = 200
BANNER = re.compile(r"TensorRT\.trtexec \[TensorRT v([\d.]+)\]")
LOADED = re.compile(r"Engine deserialized in ([\d.eE+-]+) sec")
ERROR = re.compile(r"\[E\] (.*)")

Json = Dict[str, Any]
Row = Dict[str, np.ndarray]


class TrtexecError(Exception):
    """trtexec did not do what it was asked for."""

    told = True


class Ended(NamedTuple):
    """What a call of trtexec printed, and the most memory that its process held."""

    text: str
    peak_bytes: int


def find() -> str | None:
    """Where trtexec is: on the path, or where JetPack and the archives put it."""
    return shutil.which("trtexec") or next((place for place in PLACES if os.access(place, os.X_OK)), None)


def version(program: str) -> str:
    """TensorRT's version, from the banner: `v100300` is 10.3.0. Raises TrtexecError when it tells none."""
    done = subprocess.run([program, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    found = BANNER.search(done.stdout.decode(errors="replace"))
    if found is None:
        raise TrtexecError(f"{program} does not tell its version")
    text = found.group(1)
    if "." in text:
        return text
    code = int(text)
    parts = (
        (code // 10000, code // 100 % 100, code % 100)
        if code >= 100000
        else (code // 1000, code // 100 % 10, code % 100)
    )
    return ".".join(map(str, parts))


def build_options(model: str, settings: Json, tensorrt: str, engine: str, timing_cache: str) -> list[str]:
    """What trtexec of this version is called with to build `engine`, in an order that never changes."""
    options: dict[str, str | None] = {"onnx": model, "saveEngine": engine, "profilingVerbosity": "detailed"}
    if _major(tensorrt) < 11:
        options["stronglyTyped"] = None  # the only way from 11 on
    for option, kind in (("minShapes", "least"), ("optShapes", "usual"), ("maxShapes", "largest")):
        if settings["shapes"]:
            options[option] = _shapes({name: shapes[kind] for name, shapes in settings["shapes"].items()})
    if settings["workspace_mb"] is not None:
        options["memPoolSize"] = f"workspace:{settings['workspace_mb']}M"
    if settings["optimization_level"] is not None:
        options["builderOptimizationLevel"] = str(settings["optimization_level"])
    if settings["dla_core"] is not None:
        options.update(useDLACore=str(settings["dla_core"]), allowGPUFallback=None)
    if settings["timing_cache"]:
        options["timingCacheFile"] = timing_cache
    options.update(sorted(settings["trtexec"].items()))
    return [f"--{name}" if value is None else f"--{name}={value}" for name, value in options.items()]


def build(program: str, options: list[str], folder: Path) -> tuple[float, str]:
    """Build an engine; returns the seconds it took, and the engine's layers as the inspector tells them, JSON."""
    layers, began = folder / "layers.json", time.monotonic()
    call(program, [*options, f"--exportLayerInfo={layers}", "--skipInference"], own_engine=True)
    return time.monotonic() - began, layers.read_text(encoding="utf-8", errors="replace")


class Engine:
    """An engine file, run by trtexec. `inputs` are (numpy type, shape) by name, free axes fixed; without any, rows are
    trtexec's own. `own` engines were built here without TF32, and must be run so too.
    """

    def __init__(
        self, program: str, tensorrt: str, path: str, inputs: dict[str, Any], outputs: list[str], own: bool, free: bool
    ) -> None:
        self.program, self.path, self.inputs, self.outputs, self.own = program, path, inputs, outputs, own
        self.folder = Path(tempfile.mkdtemp(prefix="trtexec-", dir="."))
        self.always = ["--noCudaGraph"] if _major(tensorrt) >= 11 else ["--useSpinWait"]
        self.transfers = ["--includeDataTransfers"] if _major(tensorrt) >= 11 else []
        self.still = [] if _major(tensorrt) >= 11 else ["--noDataTransfers"]
        self.shapes = [f"--shapes={_shapes({name: shape for name, (_, shape) in inputs.items()})}"] if free else []
        self.fed = 0
        self.placed: list[str] = []
        self.last: Ended | None = None

    def feed(self, row: Row) -> list[str]:
        """Write a row where a call of trtexec reads it; returns what to call it with."""
        self.fed += 1
        written: list[str] = []
        for name, values in row.items():
            path = self.folder / f"{self.fed}-{len(written)}.bin"
            values.tofile(str(path))
            written.append(f"{_quoted(name)}:{path}")
        return [f"--loadInputs={','.join(written)}"] if written else []

    def place(self, feed: list[str]) -> None:
        """Choose the row of the next run."""
        self.placed = feed

    def run(self) -> None:
        """One inference; the answer is in a file."""
        answer = self.folder / "output.json"
        self._call([*self.placed, *self.transfers, f"--exportOutput={answer}", *_exactly(1, 0)])

    def read(self) -> np.ndarray:
        """The answer of the last run."""
        tensors = json.loads((self.folder / "output.json").read_text(encoding="utf-8"))
        for one in tensors:
            if one["name"] == self.outputs[0]:
                shape = [int(axis) for axis in one["dimensions"].split("x")]
                return np.array(one["values"], np.float32).reshape(shape)
        raise TrtexecError(f"trtexec wrote no output '{self.outputs[0]}'")

    def timed(self, feeds: list[list[str]], runs: int) -> list[int]:
        """The GPU time of each of `runs` inferences, in ns, after a warm-up, all in one process and on one row."""
        times = self.folder / "times.json"
        self.fed += 1
        row = feeds[self.fed % len(feeds)]
        self._call([*row, *self.still, f"--exportTimes={times}", *_exactly(runs, WARM_UP_MS)])
        found = [one["computeMs"] for one in json.loads(times.read_text(encoding="utf-8"))]
        if len(found) < runs:
            raise TrtexecError(f"trtexec timed {len(found)} inferences, {runs} were asked for")
        return [max(1, round(taken * 1e6)) for taken in found[-runs:]]

    def weight(self) -> Any:
        """How long the last process took to load the engine (ns), and the most memory that it held (bytes)."""
        assert self.last is not None
        loaded = LOADED.search(self.last.text)
        if loaded is None:
            raise TrtexecError("trtexec does not tell how long it took to load the engine")
        return max(1, round(float(loaded.group(1)) * 1e9)), self.last.peak_bytes

    def profile(self, runs: int) -> list[Json]:
        """Mean time of each layer over this many inferences of random rows."""
        path = self.folder / "profile.json"
        self._call([*self.still, f"--exportProfile={path}", *_exactly(runs, WARM_UP_MS)])
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [{"name": one["name"], "ms": one["averageMs"]} for one in rows if "name" in one]

    def _call(self, options: list[str]) -> None:
        whole = [f"--loadEngine={self.path}", *self.shapes, *self.always, *options]
        self.last = call(self.program, whole, own_engine=self.own)


def call(program: str, options: list[str], own_engine: bool) -> Ended:
    """Call trtexec. Raises TrtexecError, with its last error, when it fails."""
    environment = dict(os.environ)
    if own_engine:
        environment["NVIDIA_TF32_OVERRIDE"] = "0"  # 32 bits are 32 bits, in building and in running
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen([program, *options], stdout=printed, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status  # it is waited for
        printed.seek(0)
        text = printed.read().decode(errors="replace")
    if status:
        errors = ERROR.findall(text) or text.split("\n")[-2:]
        raise TrtexecError(f"trtexec: {'; '.join(line.strip() for line in errors[-2:] if line.strip())}")
    return Ended(text, usage.ru_maxrss * 1024)


def _exactly(runs: int, warm_up_ms: int) -> list[str]:
    return [f"--iterations={runs}", "--duration=0", f"--warmUp={warm_up_ms}", "--avgRuns=1"]


def _shapes(shapes: dict[str, Any]) -> str:
    return ",".join(f"{_quoted(name)}:{'x'.join(map(str, shape))}" for name, shape in sorted(shapes.items()))


def _quoted(name: str) -> str:
    """Names with what has a meaning for trtexec stand in single quotes."""
    return f"'{name}'" if re.search(r"[:,]", name) else name


def _major(version: str) -> int:
    return int(version.split(".")[0])
