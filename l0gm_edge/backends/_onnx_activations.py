"""What every tensor of an ONNX model holds, run by run, by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray


def run(model: onnx.ModelProto, samples: Iterable[Mapping[str, NDArray[Any]]]) -> Iterator[dict[str, NDArray[Any]]]:
    """Every float tensor of a model whose shapes are inferred, inputs included, for each sample."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    given = {output.name for output in watched.graph.output}
    floats = [v for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
    watched.graph.output.extend(value for value in floats if value.name not in given)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for sample in samples:
        yield {**sample, **dict(zip(names, session.run(names, sample), strict=True))}
