"""Model files such as people bring: small, sound ones, and ways to spoil them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

GRAPH = "models/model.json"


class Scores(nn.Module):
    """Scores from a picture and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 16, 3)

    def forward(self, image: Tensor, scale: Tensor) -> Tensor:
        return self.head(self.conv(image).relu().flatten(1)) * scale


def network() -> Scores:
    """The network, for a test that names it as package.module:function."""
    torch.manual_seed(3)
    return Scores().eval()


EXAMPLE = (torch.ones(2, 1, 6, 6), torch.ones(2, 1))
SHAPES = {"image": (1, 1, 6, 6), "scale": (1, 1)}


@cache
def program() -> bytes:
    """The network as what torch.export.save writes, with a free batch axis; `scale` is given by name."""
    batch = torch.export.Dim("batch")
    free = {"image": {0: batch}, "scale": {0: batch}}
    exported = torch.export.export(network(), EXAMPLE[:1], {"scale": EXAMPLE[1]}, dynamic_shapes=free)
    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    return buffer.getvalue()


def members(content: bytes) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(held: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    """Members as an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, value in held.items():
            archive.writestr(name, value)
    return buffer.getvalue()


def changed(name: str, change: Callable[[Any], object]) -> bytes:
    """The program with one of its JSON members changed in place."""
    held = members(program())
    (full,) = (one for one in held if one.endswith(name))
    document = json.loads(held[full])
    change(document)
    return zipped({**held, full: json.dumps(document).encode()})


def replaced(name: str, value: bytes) -> bytes:
    """The program with one member replaced."""
    held = members(program())
    (full,) = (one for one in held if one.endswith(name))
    return zipped({**held, full: value})


def onnx_model(
    *, batch: int | str = "n", weight: np.ndarray | None = None, opset: int = 20, op: str = "Relu", domain: str = ""
) -> Any:
    """scores = op(x W): `x` (batch, 4)."""
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5 if weight is None else weight
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
            helper.make_node(op, ["h"], ["y"], name="last", domain=domain),
        ],
        "scores",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(matrix, "w")],
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def lookup_model() -> Any:
    """scores = mean of the rows of a table (7, 3) that `token.ids` (n, t) name."""
    from onnx import TensorProto, helper, numpy_helper

    table = np.linspace(-1, 1, 21, dtype=np.float32).reshape(7, 3)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "token.ids"], ["rows"], name="embedding"),
            helper.make_node("ReduceMean", ["rows", "axes"], ["y"], name="mean", keepdims=0),
        ],
        "lookup",
        [helper.make_tensor_value_info("token.ids", TensorProto.INT64, ["n", "t"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def written(path: Path, content: bytes | Any) -> Path:
    """A file of bytes, or of an ONNX model."""
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path
