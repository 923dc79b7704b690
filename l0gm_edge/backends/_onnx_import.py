"""Child process: ONNX graph of fixed shapes -> torch.export program. Arguments: MODEL PROGRAM, repeated."""

from __future__ import annotations

import io
import sys
import types
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, fx, nn

from l0gm_edge.backends import _onnx_convert, _onnx_file
from l0gm_edge.backends._recorded import recorded
from l0gm_edge.core import store
from l0gm_edge.core.errors import ExportFailed

VISION = {"torchvision": (), "torchvision.io": ("decode_image", "ImageReadMode"),
          "torchvision.ops": ("box_convert", "deform_conv2d", "nms", "roi_align", "roi_pool")}  # fmt: skip
OF_VISION = frozenset({"NonMaxSuppression", "RoiAlign", "MaxRoiPool", "DeformConv", "ImageDecoder"})


class _Called(nn.Module):
    """An imported graph, called by name."""

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, **inputs: Tensor) -> Tensor:
        scores: Tensor = self.network(*[inputs[name] for name in self.names])
        return scores


def main(model: Path, program: Path) -> None:
    """Import and write one model. Raises ExportFailed, naming the operator that the importer does not have."""
    graph = _onnx_convert.simplified(onnx.load(model))
    if vision := sorted({node.op_type for node in graph.graph.node} & OF_VISION):
        raise ExportFailed(f"operator {', '.join(vision)} needs torchvision, which has no build for this torch")
    facts = _onnx_file.facts(model)
    example = {spec.name: torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in facts.inputs}
    called = recorded(_Called(_imported(graph), list(example)), example)
    _look_up(called)
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(called, (), example), buffer)
    store.write_bytes(program, buffer.getvalue())


def _imported(graph: onnx.ModelProto) -> nn.Module:
    _stand_in_for_vision()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx2pytorch import ConvertModel

        network: nn.Module = ConvertModel(graph)
    return network


def _look_up(graph: fx.GraphModule) -> None:
    """Rows of a table as an embedding, which runtimes have an operator for, instead of as an index."""
    for node in graph.graph.nodes:
        if node.target is not Tensor.__getitem__ or node.args[0].op != "get_attr":
            continue
        table, places = graph.get_buffer(node.args[0].target), node.args[1]
        if (
            table.dim() == 2
            and isinstance(places, list | tuple)
            and len(places) == 1
            and isinstance(places[0], fx.Node)
        ):
            node.target, node.args = nn.functional.embedding, (places[0], node.args[0])
    graph.recompile()


def _stand_in_for_vision() -> None:
    """Empty modules where the importer looks for torchvision: five operators of detectors need it, and its builds do
    not load beside a torch without CUDA."""
    for name, held in VISION.items():
        module = types.ModuleType(name)
        for attribute in held:
            setattr(module, attribute, None)
        sys.modules[name] = module


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    for model, program in zip(arguments[::2], arguments[1::2], strict=True):
        main(model, program)
