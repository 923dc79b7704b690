"""TensorRT for the agent: an engine opened, in Python or by trtexec. Python 3.8 and numpy."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Dict

import numpy as np

FREE = -1

Json = Dict[str, Any]


class ModelError(Exception):
    """TensorRT does not load or run an engine."""

    told = True


def prepared(path: str) -> Any:
    """The engine of a file; see `tensorrt_engine`."""
    return import_module("tensorrt_engine").prepared(path)


def opened(path: str, profiler: Any = None) -> Json:
    """An engine as the agent runs it: the fields of its `Model`. A profiler, in Python, is told of every layer."""
    found = prepared(path)
    return _opened_by_trtexec(found) if found.tool.program else _opened_by_python(found, profiler)


def _opened_by_python(found: Any, profiler: Any) -> Json:
    kept = loaded(found)
    _, engine, context = kept
    if profiler is not None:
        context.profiler = profiler
    cuda, modes = import_module("tensorrt_engine").gpu(), import_module(found.tool.name).TensorIOMode
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = {}
    for name in names:
        if engine.get_tensor_mode(name) == modes.INPUT:
            inputs[name] = _type(engine, name), usual_shape(engine, name)
            context.set_input_shape(name, inputs[name][1])
    outputs = {
        name: np.empty(tuple(context.get_tensor_shape(name)), _type(engine, name))
        for name in names
        if name not in inputs
    }
    sizes = {name: int(np.prod(shape)) * np.dtype(kind).itemsize for name, (kind, shape) in inputs.items()}
    sizes.update({name: values.nbytes for name, values in outputs.items()})
    buffers = {name: cuda.buffer(size) for name, size in sizes.items()}
    for name, buffer in buffers.items():
        context.set_tensor_address(name, buffer.place)
    first = next(iter(outputs))
    enqueue, stream, wait = context.execute_async_v3, cuda.stream, cuda.wait

    def place(row: dict[str, np.ndarray]) -> None:
        for name, values in row.items():
            cuda.put(buffers[name], values)

    def run() -> None:
        if not enqueue(stream) or not kept:  # what the context stands on stays alive with this function
            raise ModelError("TensorRT could not start the inference")
        wait()

    def read() -> np.ndarray:
        cuda.get(buffers[first], outputs[first])
        return outputs[first]

    return {
        "inputs": inputs,
        "outputs": list(outputs),
        "convert": lambda name, values: np.ascontiguousarray(values, dtype=inputs[name][0]),
        "feed": lambda row: row,
        "place": place,
        "run": run,
        "read": read,
    }


def _opened_by_trtexec(found: Any) -> Json:
    engine = by_trtexec(found)
    return {
        "inputs": engine.inputs,
        "outputs": engine.outputs,
        "convert": lambda name, values: np.ascontiguousarray(values, dtype=engine.inputs[name][0]),
        "feed": engine.feed,
        "place": engine.place,
        "run": engine.run,
        "read": engine.read,
        "timed": engine.timed,
        "weight": engine.weight,
    }


def by_trtexec(found: Any) -> Any:
    """An engine that trtexec runs; of one that was brought, neither inputs nor outputs are known."""
    described = found.description or {"inputs": [], "outputs": [], "settings": {"shapes": {}}}
    shapes = described["settings"]["shapes"]
    inputs = {
        spec["name"]: (
            np.dtype(spec["dtype"]).type,
            tuple(shapes[spec["name"]]["usual"] if FREE in spec["shape"] else spec["shape"]),
        )
        for spec in described["inputs"]
    }
    return import_module("trtexec").Engine(
        found.tool.program,
        found.tool.version,
        str(found.path),
        inputs,
        [spec["name"] for spec in described["outputs"]],
        own=found.description is not None,
        free=bool(shapes),
    )


def loaded(found: Any) -> tuple[Any, Any, Any]:
    """Logger and runtime, engine, and context, in Python; each needs the one before to stay alive."""
    trt = import_module(found.tool.name)
    log = import_module("tensorrt_build").logger(trt)
    runtime = trt.Runtime(log)
    engine = runtime.deserialize_cuda_engine(found.path.read_bytes())
    context = engine.create_execution_context() if engine is not None else None
    if context is None:
        raise ModelError(f"{found.tool.whole_name} does not load this engine: {' '.join(log.last().split())}")
    return (log, runtime), engine, context


def usual_shape(engine: Any, name: str) -> tuple[int, ...]:
    """An input's shape, with free axes as they usually are."""
    shape = tuple(engine.get_tensor_shape(name))
    return tuple(engine.get_tensor_profile_shape(name, 0)[1]) if FREE in shape else shape


def _type(engine: Any, name: str) -> Any:
    """A tensor's type in numpy."""
    kind = str(engine.get_tensor_dtype(name)).rpartition(".")[2]
    types = {"FLOAT": "float32", "HALF": "float16", "BOOL": "bool"}
    types.update({one.upper(): one for one in ("int8", "uint8", "int32", "int64")})
    if kind not in types:
        raise ModelError(f"tensor {name} is of type {kind}; inputs and outputs may be {', '.join(sorted(types))}")
    return np.dtype(types[kind]).type
