"""Child process: ONNX -> TensorRT network -> engine. Arguments: MODEL DESCRIPTION ANSWER.

One code path for `tensorrt` and `tensorrt_rtx_bindings`, whose interfaces are the same. TensorRT-RTX needs no GPU to
parse and build; what it builds is no engine for any board, so only the answer is kept.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from l0gm_edge.core import store
from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, FrontEnd

PACKAGES = ("tensorrt", "tensorrt_rtx_bindings")
"""Packages with TensorRT's parser and builder, the real one first."""
_MEGABYTE = 1 << 20
_WORDS = 400


def build(trt: Any, model: Path, settings: EngineSettings) -> tuple[FrontEnd, bytes | None]:
    """Parse and build with a TensorRT package: its answer and, where it built, the engine."""
    by = f"{trt.__name__} {trt.__version__}"
    logger = _logger(trt)
    builder = trt.Builder(logger)
    network = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(model)):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        return _refused(by, "; ".join(errors) or logger.last()), None
    engine = builder.build_serialized_network(network, _config(trt, builder, settings))
    if engine is None:
        return _refused(by, logger.last()), None
    reason = f"parsed and built: {engine.nbytes} bytes"
    return FrontEnd(answer=Answer.BUILT, by=by, reason=reason, layers=network.num_layers), bytes(engine)


def _config(trt: Any, builder: Any, settings: EngineSettings) -> Any:
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if settings.workspace_mb is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_mb * _MEGABYTE)
    if settings.optimization_level is not None:
        config.builder_optimization_level = settings.optimization_level
    if settings.dla_core is not None and builder.num_DLA_cores:  # none on a machine that only checks
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = settings.dla_core
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    if settings.shapes:
        profile = builder.create_optimization_profile()
        for name, shapes in settings.shapes.items():
            profile.set_shape(name, shapes.least, shapes.usual, shapes.largest)
        config.add_optimization_profile(profile)
    return config


def _strongly_typed(trt: Any) -> int:
    """The flag by which the ONNX file alone decides on precision; later versions know nothing else, and lack it."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _logger(trt: Any) -> Any:
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


def _refused(by: str, why: str) -> FrontEnd:
    return FrontEnd(answer=Answer.REFUSED, by=by, reason=" ".join(why.split())[:_WORDS])


def main(model: str, description: str, answer: str) -> None:
    """Ask the first package that can be imported about one file; the index also has packages that are only names."""
    settings = store.read_value(EngineDescription, Path(description)).settings
    said = FrontEnd(answer=Answer.NOT_VERIFIED, by=None, reason="TensorRT is installed and cannot be imported")
    for package in PACKAGES:
        try:
            trt = importlib.import_module(package)
        except ImportError:
            continue
        said, _ = build(trt, Path(model), settings)
        break
    store.write_value(Path(answer), said)


if __name__ == "__main__":
    main(*sys.argv[1:])
