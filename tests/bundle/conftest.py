"""A small bundle with a real ONNX model in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from synthetic import hardware, recipe

from l0gm_edge.bundle.write import Contents, Shipped, write
from l0gm_edge.core.artifact import Artifact, Role, TensorSpec
from l0gm_edge.core.store import file_sha256

ROWS, FEATURES, CLASSES = 5, 6, 3
DRAW = np.random.default_rng(0)
WEIGHT = DRAW.normal(size=(FEATURES, CLASSES)).astype(np.float32)
SAMPLES = DRAW.normal(size=(ROWS, FEATURES)).astype(np.float32)


def linear(path: Path) -> None:
    """A linear layer as an ONNX file."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["image", "weight"], ["logits"])],
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, FEATURES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(WEIGHT, "weight")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    """Everything a bundle of one model is made from."""
    source = tmp_path / "source.onnx"
    linear(source)
    artifact = Artifact(
        name="compressed-onnxruntime-fp32",
        role=Role.COMPRESSED,
        runtime="onnxruntime",
        scheme="fp32",
        path=source.name,
        sha256=file_sha256(source),
        size_bytes=source.stat().st_size,
        inputs=(TensorSpec(name="image", shape=(1, FEATURES), dtype="float32"),),
        outputs=(TensorSpec(name="logits", shape=(1, CLASSES), dtype="float32"),),
        recipe_sha256="0" * 64,
        tools={"onnx": "1"},
        ops={"MatMul": 1},
    )
    return Contents(
        name="made-up",
        recipe=recipe(),
        hardware=hardware(),
        labels=("cat", "dog", "fish"),
        preprocess="as they come",
        samples={"image": SAMPLES},
        models=(Shipped(artifact, source, 1.5, SAMPLES @ WEIGHT),),
        reports={"report.json": "{}\n", "report.md": "# Fine\n"},
    )


@pytest.fixture
def bundle(contents: Contents, tmp_path: Path) -> Path:
    """A bundle on disk."""
    folder = tmp_path / "bundle"
    write(contents, folder)
    return folder
