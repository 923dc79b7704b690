"""TFLite for the agent: a model opened in LiteRT, or in the older tflite_runtime where that is what the device has."""

from __future__ import annotations

from typing import Any

import numpy as np


def opened(litert: Any, path: str, threads: int) -> dict[str, Any]:
    """A model in LiteRT, or in the older tflite_runtime: the fields of the agent's `Model`."""
    interpreter = litert.Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    if interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(next(iter(interpreter.get_signature_list())))
        inputs, results = runner.get_input_details(), list(runner.get_output_details().values())
        del runner  # invoke() refuses to work while a signature runner lives
    else:
        inputs = {one["name"]: one for one in interpreter.get_input_details()}
        results = interpreter.get_output_details()

    def convert(name: str, values: np.ndarray) -> np.ndarray:
        dtype, (scale, zero_point) = inputs[name]["dtype"], inputs[name]["quantization"]
        if scale and np.issubdtype(values.dtype, np.floating) and np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
        return np.ascontiguousarray(values, dtype=dtype)

    def place(row: dict[str, np.ndarray]) -> None:
        for name, array in row.items():
            interpreter.set_tensor(inputs[name]["index"], array)

    def given(one: dict[str, Any]) -> np.ndarray:
        values, (scale, zero_point) = interpreter.get_tensor(one["index"]), one["quantization"]
        return np.asarray((values.astype(np.float32) - zero_point) * scale if scale else values)

    return {
        "inputs": {name: (one["dtype"], fixed_shape(one["shape"])) for name, one in inputs.items()},
        "outputs": [one["name"] for one in results],
        "convert": convert,
        "feed": lambda row: row,
        "place": place,
        "run": interpreter.invoke,
        "read": lambda: given(results[0]),
        "every": lambda: {one["name"]: given(one) for one in results},
    }


def fixed_shape(shape: Any) -> tuple[int, ...]:
    """A declared shape with every free axis taken as 1."""
    return tuple(max(1, int(axis)) for axis in shape)
