"""As much of `tensorrt` as the device's programs use, for the linear model alone (x (1, 4) to y (1, 3), float32)."""

from __future__ import annotations

import ctypes
import json
import os
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import numpy as np

__version__ = os.environ["FAKE_TENSORRT"]
BEFORE_11 = int(__version__.split(".")[0]) < 11
WEIGHT = np.array([[1, -2, 3, 0.5], [0.25, 1, -1, 2], [-1, 0.5, 0, 1]], dtype=np.float32)
BIAS = np.array([0.5, -0.25, 1], dtype=np.float32)
SHAPES = {"x": (1, 4), "y": (1, 3)}


class ILogger:
    class Severity(IntEnum):
        ERROR, WARNING = 1, 2


class NetworkDefinitionCreationFlag(IntEnum):
    if BEFORE_11:
        STRONGLY_TYPED = 1
    PREFER_AOT_PYTHON_PLUGINS = 3


class BuilderFlag(Enum):
    if BEFORE_11:
        FP16, INT8 = "fp16", "int8"
    TF32, GPU_FALLBACK = "tf32", "gpu_fallback"


class ProfilingVerbosity(Enum):
    DETAILED = "detailed"


class MemoryPoolType(Enum):
    WORKSPACE = "workspace"


class DeviceType(Enum):
    DLA = "dla"


class LayerInformationFormat(Enum):
    JSON = "json"


class TensorIOMode(Enum):
    INPUT, OUTPUT = "input", "output"


class DataType(Enum):
    FLOAT = "float"

    def __str__(self) -> str:
        return f"DataType.{self.name}"


class IProfiler:
    pass


if BEFORE_11:

    class IInt8EntropyCalibrator2:
        pass


class TimingCache:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content + b"kernel;"


class Config:
    def __init__(self) -> None:
        self.flags, self.pools = {BuilderFlag.TF32}, {}
        self.int8_calibrator: Any = None
        self.cache = TimingCache(b"")

    def set_flag(self, flag: BuilderFlag) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        self.flags.discard(flag)

    def set_memory_pool_limit(self, pool: MemoryPoolType, size: int) -> None:
        self.pools[pool.value] = size

    def create_timing_cache(self, content: bytes) -> TimingCache:
        return TimingCache(content)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> None:
        assert not ignore_mismatch
        self.cache = cache

    def get_timing_cache(self) -> TimingCache:
        return self.cache


class Builder:
    num_DLA_cores = 0  # noqa: N815 (TensorRT's name)

    def __init__(self, logger: ILogger) -> None:
        self.logger = logger

    def create_network(self, flags: int) -> Network:
        return Network(flags)

    def create_builder_config(self) -> Config:
        return Config()

    def build_serialized_network(self, network: Network, config: Config) -> memoryview | None:
        seen = list(_calibrated(config.int8_calibrator)) if config.int8_calibrator else []
        told = {
            "flags": network.flags,
            "config": sorted(flag.value for flag in config.flags),
            "pools": config.pools,
            "rows": seen,
            "cached": len(config.cache.content),
        }
        with Path(os.environ["FAKE_BUILDS"]).open("a") as log:
            log.write(f"tensorrt {json.dumps(told)}\n")
        blob = {"version": __version__, "kernel": os.environ["FAKE_KERNEL"]}
        return memoryview(json.dumps(blob).encode())


def _calibrated(calibrator: Any) -> Any:
    """The rows that a calibrator puts where it says."""
    assert calibrator.get_batch_size() == 1
    assert calibrator.read_calibration_cache() is None
    while (places := calibrator.get_batch(["x"])) is not None:
        yield _read(places[0], SHAPES["x"]).tolist()
    calibrator.write_calibration_cache(b"")


class Network:
    num_layers = 1

    def __init__(self, flags: int) -> None:
        self.flags = flags


class ParserError:
    def desc(self) -> str:
        return "it is no ONNX file"


class OnnxParser:
    num_errors = 1

    def __init__(self, network: Network, logger: ILogger) -> None:
        self.network = network

    def parse_from_file(self, path: str) -> bool:
        return b"linear" in Path(path).read_bytes()

    def get_error(self, index: int) -> ParserError:
        return ParserError()


class Runtime:
    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        blob = json.loads(content)
        if blob["version"] != __version__:
            self.logger.log(ILogger.Severity.ERROR, f"it was built by {blob['version']}")
            return None
        return Engine(blob["kernel"])


class Engine:
    num_io_tensors = 2

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel

    def create_engine_inspector(self) -> Engine:
        return self

    def get_engine_information(self, kind: LayerInformationFormat) -> str:
        layer = {"Name": "linear", "LayerType": "gemm", "TacticName": f"sm80_xmma_gemm_{self.kernel}_tn_n"}
        return json.dumps({"Layers": [layer], "Bindings" if BEFORE_11 else "I/O Tensors": []})

    def create_execution_context(self) -> Context:
        return Context()

    def get_tensor_name(self, index: int) -> str:
        return list(SHAPES)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name == "x" else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return SHAPES[name]

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.FLOAT


class Context:
    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.profiler: Any = None

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        return shape == SHAPES[name]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return SHAPES[name]

    def set_tensor_address(self, name: str, place: int) -> bool:
        self.places[name] = place
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream
        answer = _read(self.places["x"], SHAPES["x"]) @ WEIGHT.T + BIAS
        ctypes.memmove(self.places["y"], answer.ctypes.data, answer.nbytes)
        if self.profiler is not None:
            self.profiler.report_layer_time("linear", 0.25)
        return True


def _read(place: int, shape: tuple[int, ...]) -> np.ndarray:
    values = np.empty(shape, np.float32)
    ctypes.memmove(values.ctypes.data, place, values.nbytes)
    return values
