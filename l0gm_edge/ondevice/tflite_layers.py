"""Times every operator of a .tflite file: `python tflite_layers.py MODEL THREADS RUNS`.

Prints one JSON document: `{"layers": [{"name", "op", "mean_ns", "node"}], "fallback_ops": [...]}`; fallback operators
are those that the XNNPACK delegate did not take, and only they tell which operator of the file (`node`) they are.
Inputs are random. The wheel has no benchmark tool, so this drives the C API of its libLiteRt.so, which is undocumented
and has no stable layout: one release is known (`KNOWN_RELEASE`), any other is refused, and a crash ends only this
process. One file for Python 3.8 and numpy.
"""

from __future__ import annotations

import ctypes
import json
import sys
from importlib import metadata, util
from pathlib import Path

import numpy as np

KNOWN_RELEASE = "2.3."
CPU_ACCELERATOR = 1
WRITE_LOCK = 1
FLOAT_TYPES = {1: np.float32, 10: np.float16, 11: np.float64}  # element type -> numpy; all others are whole numbers
WARM_UP_RUNS = 20
# The library reports whole microseconds, cut off; the middle of what it may have cut off is half of one.
CUT_OFF_NS = 500

Handle = ctypes.c_void_p
Size = ctypes.c_size_t
Deallocator = ctypes.CFUNCTYPE(None, Handle)


class TensorType(ctypes.Structure):
    """LiteRtRankedTensorType: element type, then a layout of rank, dimensions and strides."""

    _fields_ = (
        ("element", ctypes.c_int),
        ("rank", ctypes.c_uint32),
        ("dimensions", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    )


class Event(ctypes.Structure):
    """ProfiledEventData; memory usage is three numbers before and three after."""

    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_uint32),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_int64 * 6),
        ("metadata", ctypes.c_uint64 * 2),  # of an operator outside the delegate: its number in the file
        ("source", ctypes.c_uint32),
    )


OPERATOR = 1 << 1
DELEGATED_OPERATOR = 1 << 3
END_OF_RUN = 1 << 5


class Library:
    """libLiteRt.so, with its status codes turned into exceptions."""

    def __init__(self) -> None:
        release = metadata.version("ai-edge-litert")
        if not release.startswith(KNOWN_RELEASE):
            raise RuntimeError(f"ai-edge-litert {release} is installed; the profiler is known in {KNOWN_RELEASE}x only")
        package = util.find_spec("ai_edge_litert")
        if package is None or package.origin is None:
            raise RuntimeError("ai-edge-litert is not installed")
        self._library = ctypes.CDLL(str(Path(package.origin).parent / "libLiteRt.so"))

    def call(self, name: str, *arguments: object) -> None:
        """Call a function that returns a status; pointers and sizes must come as ctypes values."""
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} returned status {status}")

    def handle(self, name: str, *arguments: object) -> Handle:
        """Call a function whose last argument is where a handle goes, and return that handle."""
        found = Handle()
        self.call(name, *arguments, ctypes.byref(found))
        return found


class ProfiledModel:
    """A compiled model with its profiler and its buffers, random inputs in place."""

    def __init__(self, library: Library, model_path: str, threads: int) -> None:
        self.library = library
        self.environment = library.handle("LiteRtCreateEnvironment", 0, None)
        self.model = library.handle("LiteRtCreateModelFromFile", self.environment, model_path.encode())
        self.options = library.handle("LiteRtCreateOptions")
        library.call("LiteRtSetOptionsHardwareAccelerators", self.options, CPU_ACCELERATOR)
        self._payloads: list[ctypes.Array[ctypes.c_char]] = []
        self._keep = Deallocator(lambda _: None)
        self._add_options(b"runtime_options_string", b"enable_profiling = true\n")
        self._add_options(b"xnnpack", f"num_threads = {threads}\n".encode())
        self.compiled = library.handle("LiteRtCreateCompiledModel", self.environment, self.model, self.options)
        self.profiler = library.handle("LiteRtCompiledModelGetProfiler", self.compiled)
        self.signature = library.handle("LiteRtGetModelSignature", self.model, Size(0))
        self.inputs = self._buffers("Input")
        self.outputs = self._buffers("Output")

    def run(self) -> None:
        """One inference."""
        counts = Size(len(self.inputs)), Size(len(self.outputs))
        self.library.call(
            "LiteRtRunCompiledModel", self.compiled, Size(0), counts[0], self.inputs, counts[1], self.outputs
        )

    def profile(self, runs: int) -> list[Event]:
        """Every event of this many inferences."""
        self.library.call("LiteRtResetProfiler", self.profiler)
        self.library.call("LiteRtStartProfiler", self.profiler)
        for _ in range(runs):
            self.run()
        self.library.call("LiteRtStopProfiler", self.profiler)
        count = ctypes.c_int()
        self.library.call("LiteRtGetNumProfilerEvents", self.profiler, ctypes.byref(count))
        events = (Event * count.value)()
        self.library.call("LiteRtGetProfilerEvents", self.profiler, count, events)
        return list(events)

    def _add_options(self, identifier: bytes, toml: bytes) -> None:
        payload = ctypes.create_string_buffer(toml)
        self._payloads.append(payload)  # the library keeps a pointer to it
        options = self.library.handle("LiteRtCreateOpaqueOptions", identifier, payload, self._keep)
        self.library.call("LiteRtAddOpaqueOptions", self.options, options)

    def _buffers(self, side: str) -> ctypes.Array[Handle]:
        count = Size()
        self.library.call(f"LiteRtGetNumSignature{side}s", self.signature, ctypes.byref(count))
        buffers = (Handle * count.value)()
        for index in range(count.value):
            tensor = self.library.handle(f"LiteRtGetSignature{side}TensorByIndex", self.signature, Size(index))
            kind = TensorType()
            self.library.call("LiteRtGetRankedTensorType", tensor, ctypes.byref(kind))
            needs = self.library.handle(
                f"LiteRtGetCompiledModel{side}BufferRequirements", self.compiled, Size(0), Size(index)
            )
            buffer = self.library.handle(
                "LiteRtCreateManagedTensorBufferFromRequirements", self.environment, ctypes.byref(kind), needs
            )
            self._fill(buffer, kind.element)
            buffers[index] = buffer
        return buffers

    def _fill(self, buffer: Handle, element: int) -> None:
        """Normal numbers where floats are wanted, zeros where whole numbers are (an index every table holds)."""
        size, address = Size(), Handle()
        self.library.call("LiteRtGetTensorBufferPackedSize", buffer, ctypes.byref(size))
        content = bytes(size.value)
        if element in FLOAT_TYPES:
            kind = np.dtype(FLOAT_TYPES[element])
            content = np.random.default_rng(0).standard_normal(size.value // kind.itemsize).astype(kind).tobytes()
        self.library.call("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), WRITE_LOCK)
        ctypes.memmove(address, content, len(content))
        self.library.call("LiteRtUnlockTensorBuffer", buffer)


def operators_by_run(events: list[Event]) -> list[list[Event]]:
    """The operator events of each inference, in the order they ran."""
    runs: list[list[Event]] = [[]]
    for event in events:
        if event.kind & (OPERATOR | DELEGATED_OPERATOR):
            runs[-1].append(event)
        elif event.kind & END_OF_RUN and event.tag == b"Invoke":
            runs.append([])
    return [run for run in runs if run]


def summarize(runs: list[list[Event]]) -> dict[str, list[object]]:
    """Mean time of each operator over the middle half of the runs, and those that stayed outside the delegate."""
    if not runs or len({tuple(event.tag for event in run) for run in runs}) != 1:
        raise RuntimeError("the runs do not show the same operators")
    layers: list[object] = []
    for index, event in enumerate(runs[0]):
        tag = event.tag.decode(errors="replace")
        elapsed_us = middle_mean([run[index].elapsed_us for run in runs])
        op = tag.split(" (")[0]  # what follows is the kernel: "Convolution (NHWC, F32) IGEMM"
        node = event.metadata[0] if event.kind & OPERATOR else None
        mean_ns = int(elapsed_us * 1000) + CUT_OFF_NS
        layers.append({"name": f"#{index} {tag}", "op": op, "mean_ns": mean_ns, "node": node})
    fallback = sorted({event.tag.decode(errors="replace") for event in runs[0] if event.kind & OPERATOR})
    return {"layers": layers, "fallback_ops": list(fallback)}


def middle_mean(durations: list[int]) -> float:
    """The mean of the middle half: what interrupts a run now and then does not count."""
    ordered = np.sort(np.asarray(durations, dtype=np.float64))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def main() -> int:
    """Profile the model named on the command line."""
    model_path, threads, runs = sys.argv[1:4]
    try:
        model = ProfiledModel(Library(), model_path, int(threads))
        for _ in range(WARM_UP_RUNS):
            model.run()
        found = summarize(operators_by_run(model.profile(int(runs))))
    except (RuntimeError, OSError, AttributeError, KeyError, metadata.PackageNotFoundError) as error:
        print(f"per-operator times are not available: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
