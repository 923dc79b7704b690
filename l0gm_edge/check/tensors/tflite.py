"""Every tensor of a TFLite model, in the reference order of its operators, without the XNNPACK delegate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l0gm_edge.check.tensors import Floats, Tensor
from l0gm_edge.core import store
from l0gm_edge.core.dataset import Values

HOST = "tflite"


def expose(model: Path, copy: Path) -> bool:
    """As `TensorReader.expose`."""
    from ai_edge_litert import schema_py_generated as schema

    from l0gm_edge.backends import _tflite_file  # imports ai_edge_litert

    opened = _tflite_file.read(model)
    signature = opened.signatureDefs[0]
    graph = opened.subgraphs[signature.subgraphIndex]
    for index in (one for one in _computed(opened) if one not in graph.outputs):
        output = schema.TensorMapT()
        output.name, output.tensorIndex = graph.tensors[index].name, index
        signature.outputs.append(output)
        graph.outputs = [*graph.outputs, index]
    store.write_bytes(copy, _tflite_file.pack(opened))
    return True


def named(model: Path, outputs: Mapping[str, Floats]) -> dict[str, Tensor]:
    """As `TensorReader.named`."""
    return {name: Tensor(_layer(name), outputs[name]) for name in _names(model) if name in outputs}


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
    computed = set(_names(model))
    details = [one for one in interpreter.get_tensor_details() if one["name"] in computed]
    found: dict[str, list[Floats]] = {detail["name"]: [] for detail in details}
    for i in range(len(next(iter(inputs.values())))):
        run(**{name: _integers(values[i : i + 1], taken[name]) for name, values in inputs.items()})
        for detail in details:
            found[detail["name"]].append(_floats(interpreter.get_tensor(detail["index"]), detail))
    return {name: Tensor(_layer(name), np.stack(rows)) for name, rows in found.items()}


def _names(model: Path) -> list[str]:
    """The names of the tensors that are looked into."""
    from l0gm_edge.backends import _tflite_file

    opened = _tflite_file.read(model)
    graph = opened.subgraphs[opened.signatureDefs[0].subgraphIndex]
    return [graph.tensors[index].name.decode() for index in _computed(opened)]


def _computed(opened: Any) -> list[int]:
    """The tensors that operators give in floats or 8 bits and that share no name, in the order of computing."""
    from ai_edge_litert import schema_py_generated as schema

    graph = opened.subgraphs[opened.signatureDefs[0].subgraphIndex]
    sharing = Counter(tensor.name for tensor in graph.tensors)
    given = (index for operator in graph.operators for index in operator.outputs)
    kinds = (schema.TensorType.FLOAT32, schema.TensorType.INT8)
    return [one for one in given if sharing[graph.tensors[one].name] == 1 and graph.tensors[one].type in kinds]


def _layer(name: str) -> str:
    return name.split("#")[0]


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
