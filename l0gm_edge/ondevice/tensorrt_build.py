"""ONNX -> TensorRT network -> engine. As a program, on the device: `python tensorrt_build.py ORDER.json`.

One code path for `tensorrt` 10 and 11 and for `tensorrt_rtx_bindings`, whose interfaces are the same; the host asks its
front end through it too. The program builds in a process of its own, so that what building takes is not counted as the
engine's memory. Python 3.8, the standard library, one of these packages, and numpy for calibration.
"""

from __future__ import annotations

import json
import re
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, NamedTuple

LAST_WITH_DLA = (10, 7)
FIRST_WITHOUT_CALIBRATOR = (11,)
RTX = "tensorrt_rtx_bindings"
MEGABYTE = 1 << 20

Json = Dict[str, Any]


class Built(NamedTuple):
    """An engine, or why there is none; the layers of the network, and all kernels that were ever timed."""

    engine: bytes | None
    reason: str
    layers: int | None = None
    timing_cache: bytes | None = None


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers to compare: `10.3.0.26` gives (10, 3, 0, 26). Raises ValueError for what is none."""
    found = re.match(r"\d+(\.\d+)*", version, re.ASCII)
    if found is None:
        raise ValueError(f"'{version}' is no version; allowed: numbers with dots between them, such as 10.3.0")
    return tuple(int(part) for part in found.group().split("."))


def why_not(settings: Json, version: str, implicit: bool = False) -> str | None:
    """Why TensorRT of this version may not build with these settings, or None where it may.

    `implicit` is for files that only TensorRT's own calibrator quantizes. Raises ValueError for what is no version.
    """
    found, limits = numbers(version), []
    if not numbers(settings["oldest"]) <= found < numbers(settings["before"]):
        limits.append(f"{settings['oldest']} and later, before {settings['before']}")
    if settings["dla_core"] is not None and found[:2] > LAST_WITH_DLA:
        limits.append(f"with DLA no later than {'.'.join(map(str, LAST_WITH_DLA))}")
    if implicit and found >= FIRST_WITHOUT_CALIBRATOR:
        limits.append("for implicit_int8 before 11, which has no calibrator")
    return f"TensorRT {version} may not build this; allowed: {', '.join(limits)}" if limits else None


def build(trt: Any, model: str, settings: Json, timing_cache: bytes | None = None, calibrator: Any = None) -> Built:
    """Parse and build a file with a TensorRT package. `settings` are those of an engine's description.

    With a calibrator, of TensorRT 10, it is TensorRT that chooses 8 or 16 bits for each layer; else the file does.
    """
    log = logger(trt)
    builder = trt.Builder(log)
    network = builder.create_network(0 if calibrator else _strongly_typed(trt))
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(model):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        return Built(None, "; ".join(errors) or log.last())
    config = _config(trt, builder, settings)
    if calibrator:
        config.set_flag(trt.BuilderFlag.INT8)
        config.set_flag(trt.BuilderFlag.FP16)
        config.int8_calibrator = calibrator
    if timing_cache is not None:
        config.set_timing_cache(config.create_timing_cache(timing_cache), ignore_mismatch=False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        return Built(None, log.last())
    kept = None if timing_cache is None else bytes(config.get_timing_cache().serialize())
    return Built(bytes(engine), f"parsed and built: {engine.nbytes} bytes", network.num_layers, kept)


def _config(trt: Any, builder: Any, settings: Json) -> Any:
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)  # 32 bits are 32 bits
    if settings["workspace_mb"] is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings["workspace_mb"] * MEGABYTE)
    if settings["optimization_level"] is not None:
        config.builder_optimization_level = settings["optimization_level"]
    if settings["dla_core"] is not None and builder.num_DLA_cores:  # none on a machine that only checks
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = settings["dla_core"]
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    if settings["shapes"]:
        profile = builder.create_optimization_profile()
        for name, shapes in settings["shapes"].items():
            profile.set_shape(name, *(tuple(shapes[kind]) for kind in ("least", "usual", "largest")))
        config.add_optimization_profile(profile)
    return config


def _strongly_typed(trt: Any) -> int:
    """The flag by which the ONNX file alone decides on precision; later versions know nothing else, and lack it."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def logger(trt: Any) -> Any:
    """A logger that keeps errors, and prints nothing."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self._errors.append(message)

        def last(self) -> str:
            return self._errors[-1] if self._errors else "it gave no reason"

    return Logger()


def calibrator(trt: Any, cuda: Any, rows: dict[str, Any]) -> Any:
    """TensorRT 10's entropy calibrator, fed with rows (n, *shape) by input name, one at a time."""

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._left = iter(range(len(next(iter(rows.values())))))
            self._places = {name: cuda.buffer(values[:1].nbytes) for name, values in rows.items()}

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]) -> list[int] | None:
            row = next(self._left, None)
            if row is None:
                return None
            for name in names:
                cuda.put(self._places[name], rows[name][row : row + 1].copy())
            return [self._places[name].place for name in names]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, _: Any) -> None:
            return None

    return Calibrator()


def layers_of(trt: Any, engine: Any) -> str:
    """What the engine's inspector says, as JSON."""
    return str(engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))


def main(order_path: str) -> int:
    """Build what an order says; leave the engine, and print its layers and how long it took, as JSON."""
    order = json.loads(Path(order_path).read_text(encoding="utf-8"))
    trt, cache, chosen = import_module(order["package"]), None, None
    if order["timing_cache"] is not None:
        kept = Path(order["timing_cache"])
        cache = kept.read_bytes() if kept.is_file() else b""
    if order["calibration"] is not None:
        import numpy as np

        rows = dict(np.load(order["calibration"], allow_pickle=False))
        chosen = calibrator(trt, import_module("cuda_driver").Cuda(), rows)
    began = time.monotonic()
    built = build(trt, order["model"], order["settings"], cache, chosen)
    seconds = time.monotonic() - began
    if built.engine is None:
        print(" ".join(built.reason.split()), file=sys.stderr)
        return 1
    log = logger(trt)
    runtime = trt.Runtime(log)
    engine = runtime.deserialize_cuda_engine(built.engine)
    if engine is None:
        print(f"it was built, and cannot be loaded: {log.last()}", file=sys.stderr)
        return 1
    Path(order["engine"]).write_bytes(built.engine)
    if built.timing_cache is not None:
        partial = Path(order["timing_cache"] + ".partial")
        partial.write_bytes(built.timing_cache)
        partial.replace(order["timing_cache"])
    print(json.dumps({"seconds": seconds, "layers": layers_of(trt, engine)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
