"""Every tensor of a TFLite model, in the reference order of its operators, without the XNNPACK delegate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l0gm_edge.check.tensors import Floats, Tensor
from l0gm_edge.core.dataset import Values


def tensors(model: Path, inputs: Mapping[str, Values]) -> dict[str, Tensor]:
    """As `TensorReader.tensors`; a layer's name is its tensor's, without the number that keeps it unique."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(model),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    run = interpreter.get_signature_runner()
    taken = run.get_input_details()
    everything = interpreter.get_tensor_details()
    named = Counter(one["name"] for one in everything)  # ours are unique; a kernel's scratch tensors share a name
    details = [one for one in everything if named[one["name"]] == 1 and one["dtype"] in (np.float32, np.int8)]
    found: dict[str, list[Floats]] = {detail["name"]: [] for detail in details}
    for i in range(len(next(iter(inputs.values())))):
        run(**{name: _integers(values[i : i + 1], taken[name]) for name, values in inputs.items()})
        for detail in details:
            found[detail["name"]].append(_floats(interpreter.get_tensor(detail["index"]), detail))
    return {name: Tensor(name.split("#")[0], np.stack(rows)) for name, rows in found.items()}


def _integers(values: Any, detail: Mapping[str, Any]) -> Any:
    """Values as an input takes them: floats rounded to its integers, token ids in its type."""
    scale, zero_point = detail["quantization"]
    if scale and values.dtype == np.float32:
        limits = np.iinfo(detail["dtype"])
        values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return values.astype(detail["dtype"], copy=False)


def _floats(values: Any, detail: Mapping[str, Any]) -> Floats:
    parameters = detail["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    if values.dtype == np.float32 or not len(scales):
        return np.array(values, dtype=np.float32)
    along = [1] * values.ndim
    if len(scales) > 1:
        along[parameters["quantized_dimension"]] = len(scales)
    real = (values.astype(np.float32) - zeros.reshape(along)) * scales.reshape(along)
    return np.array(real, dtype=np.float32)
