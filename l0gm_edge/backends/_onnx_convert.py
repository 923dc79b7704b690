"""Child process: torch.export program -> fp32 ONNX. Arguments: PROGRAM OUTPUT, as often as there are programs.

A program may be an ONNX graph already; then it is simplified alone.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
import torch

from l0gm_edge.backends import _onnx_file
from l0gm_edge.core import store

MADE = "simplified/"
"""Begins the names of constants that are not the model's own."""


def main(program: Path, output: Path) -> None:
    """Convert, simplify and write one model."""
    graph = onnx.load(program) if program.suffix == ".onnx" else _converted(program)
    model = _onnx_file.stripped(simplified(graph))
    store.write_bytes(output, model.SerializeToString(deterministic=True))


def _converted(program: Path) -> onnx.ModelProto:
    exported = torch.export.load(program)
    _, example = exported.example_inputs
    single = len(exported.graph_signature.user_outputs) == 1
    converted = torch.onnx.export(
        exported,
        (),
        kwargs=example,
        dynamo=True,
        external_data=False,
        input_names=list(example),
        output_names=["logits"] if single else None,
        verbose=False,
    )
    if converted is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    return _onnx_file.named_by_module(converted.model_proto)


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded and no-ops removed, in standard operators: what ONNX Runtime does on any machine when it loads.

    Its further, machine-specific fusions are left to the device's own runtime.
    """
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        simplified = Path(folder) / "simplified.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(simplified)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return _own_names(onnx.load(simplified), {tensor.name for tensor in model.graph.initializer})


def _own_names(simplified: onnx.ModelProto, known: Collection[str]) -> onnx.ModelProto:
    """Constants that the simplification made get names that it would not give: where the runtime, loading the file,
    makes another of the same name, it fails ("Attempt to replace the existing tensor")."""
    graph = simplified.graph
    made = {tensor.name: f"{MADE}{tensor.name}" for tensor in graph.initializer if tensor.name not in known}
    for tensor in graph.initializer:
        tensor.name = made.get(tensor.name, tensor.name)
    for node in graph.node:
        node.input[:] = [made.get(name, name) for name in node.input]
    return simplified


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    for program, output in zip(arguments[::2], arguments[1::2], strict=True):
        main(program, output)
