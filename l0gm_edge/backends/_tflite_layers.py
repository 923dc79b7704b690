"""The layers of a TFLite graph as quantization sees them: which there are, and the forms that each can have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from l0gm_edge.backends import DYNAMIC, STATIC, _tflite_file

FLOAT_MODULES = "router"  # a rounding error there changes which experts answer
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
FORMS = {
    "CONV_2D": (STATIC, DYNAMIC),
    "DEPTHWISE_CONV_2D": (STATIC,),
    "TRANSPOSE_CONV": (STATIC,),
    "FULLY_CONNECTED": (STATIC, DYNAMIC),
    "BATCH_MATMUL": (STATIC,),
    "EMBEDDING_LOOKUP": (DYNAMIC,),
}


@dataclass(frozen=True)
class Layer:
    """An operator with weights, or a product of two tensors, by the name of what it gives."""

    name: str
    op: str
    forms: tuple[str, ...]
    multiplications: int


def layers(model: Any) -> list[Layer]:
    """The layers of a model in the order of the file, which quantization keeps; routers have no forms."""
    graph = model.subgraphs[0]
    return [_layer(graph, operator, kind) for operator, kind in operators(model) if kind in FORMS]


def operators(model: Any) -> list[tuple[Any, str]]:
    """Every operator of the main graph, with its kind."""
    return [(operator, _tflite_file.op_name(model, operator)) for operator in model.subgraphs[0].operators]


def _layer(graph: Any, operator: Any, kind: str) -> Layer:
    tensors = graph.tensors
    given, read = tensors[operator.outputs[0]], tensors[operator.inputs[1]]
    name = given.name.decode()
    terms = {
        "CONV_2D": read.shape[1:],
        "DEPTHWISE_CONV_2D": read.shape[1:3],
        "TRANSPOSE_CONV": read.shape[1:],
        "FULLY_CONNECTED": read.shape[-1:],
        "BATCH_MATMUL": tensors[operator.inputs[0]].shape[-1:],
        "EMBEDDING_LOOKUP": (0,),
    }
    forms = () if FLOAT_MODULES in name else FORMS[kind]
    return Layer(name, kind, forms, math.prod(int(size) for size in (*given.shape, *terms[kind])))
