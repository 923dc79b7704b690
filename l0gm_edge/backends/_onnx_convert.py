"""Child process: torch.export program -> fp32 ONNX. Arguments: PROGRAM OUTPUT."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
import torch

from l0gm_edge.backends import _onnx_file
from l0gm_edge.core import store


def main(program: Path, output: Path) -> None:
    """Convert, simplify and write one model."""
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
    model = _onnx_file.stripped(_simplified(_onnx_file.named_by_module(converted.model_proto)))
    store.write_bytes(output, model.SerializeToString(deterministic=True))


def _simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded and no-ops removed, in standard operators: what ONNX Runtime does on any machine when it loads.

    Its further, machine-specific fusions are left to the device's own runtime.
    """
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        simplified = Path(folder) / "simplified.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(simplified)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(simplified)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
