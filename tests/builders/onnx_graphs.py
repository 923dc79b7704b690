"""Small ONNX graphs with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 200  # linear layers from 192x192 weights on gain from int8


def stack(path: Path, layers: int = 4, sensitive: int | None = None) -> Path:
    """Linear layers `layer 0`, `layer 1`, ... with a ReLU after each but the last: (1, 200) `x` to (1, 200) `y`.

    One unit that the sensitive layer reads is fifty times what the others are, and counts for a fiftieth: in 8
    bits it drowns them.
    """
    draw = np.random.default_rng(0)
    weights = [(draw.normal(size=(WIDTH, WIDTH)) * np.sqrt(2 / WIDTH)).astype(np.float32) for _ in range(layers)]
    if sensitive is not None:
        weights[sensitive - 1][:, 0] *= 50
        weights[sensitive][0] /= 50
    nodes, read = [], "x"
    for number in range(layers):
        last = number == layers - 1
        nodes.append(helper.make_node("MatMul", [read, f"w{number}"], [f"h{number}"], f"layer {number}"))
        if not last:
            nodes.append(helper.make_node("Relu", [f"h{number}"], [f"r{number}"], f"relu {number}"))
        read = f"r{number}"
    nodes[-1].output[0] = "y"
    graph = helper.make_graph(
        nodes,
        "stack",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, WIDTH])],
        [numpy_helper.from_array(values, f"w{number}") for number, values in enumerate(weights)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


def rows(count: int = 40) -> dict[str, np.ndarray]:
    """Samples for `stack`."""
    return {"x": np.random.default_rng(1).normal(size=(count, WIDTH)).astype(np.float32)}
