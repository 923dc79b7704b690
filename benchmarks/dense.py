"""How large the benchmarks' networks are, and how long they take as they are: dense, fp32, one sample, one thread.

    python benchmarks/dense.py

Random weights and inputs, which latency does not depend on; the networks of a runtime are timed interleaved.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nets
import torch
from result import Cell, at_least, write
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from l0gm_edge import backends, devices
from l0gm_edge.compile import export
from l0gm_edge.core import latency, load
from l0gm_edge.core.recipe import Measure
from l0gm_edge.devices import Device
from l0gm_edge.measure import job, tasks

HARDWARE = load.hardware("host-cpu")
SETTINGS = Measure(processes=2, blocks=10, runs_per_block=20)
LONG_ENOUGH_MS = 0.3
TIMED = ("MobileNetV2", "text transformer, 256 tokens", "late fusion")
"""Networks that other benchmarks ask a latency of: they must stand clear of what a runtime itself costs."""


def networks() -> dict[str, tuple[nn.Module, dict[str, Tensor]]]:
    """Every network as the benchmarks use it, with one sample."""
    picture = {"image": torch.randn(1, 3, 32, 32)}
    review, line = torch.randint(1, 16_000, (1, 256)), torch.randint(1, 4_000, (1, 64))
    digit = {"image": torch.randn(1, 1, 28, 28), "audio": torch.randn(1, 1, 32, 32)}
    return {
        "MobileNetV2": (nets.mobilenet_v2(), picture),
        "ResNet-8": (nets.resnet(), picture),
        "ResNet-20": (nets.resnet(depth=20), picture),
        "text transformer, 256 tokens": (nets.text_transformer(), {"text": review}),
        "text transformer, 64 tokens": (nets.text_transformer(4_000, 64, 7, pre_norm=False), {"text": line}),
        "bag of embeddings": (nets.bag(), {"text": review}),
        "late fusion": (nets.late_fusion(), digit),
        "multilayer perceptron": (nets.mlp(199), {"table": torch.randn(1, 199)}),
    }


def main() -> int:
    """Write the result; 0 when every timed network is long enough, else 1."""
    torch.manual_seed(0)
    known = networks()
    rows = [size_row(name, *one) for name, one in known.items()]
    with tempfile.TemporaryDirectory() as folder, devices.opened(HARDWARE) as device:
        job.put_programs(device)
        times = {
            one.name: medians(device, one.name, compiled(one.name, known, Path(folder))) for one in HARDWARE.runtimes
        }
    for row in rows:
        row |= {f"{runtime}, ms": found[str(row["network"])] for runtime, found in times.items()}
    bars = [
        at_least(f"{name} in {runtime}, ms", found[name], LONG_ENOUGH_MS)
        for runtime, found in times.items()
        for name in TIMED
    ]
    return write("dense", rows, bars)


def size_row(name: str, model: nn.Module, example: dict[str, Tensor]) -> dict[str, Cell]:
    """Parameters, in all and without embeddings, and multiply-accumulates of one sample."""
    # The fused kernel of attention would not be counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model.eval()(**example)
    parameters = sum(weight.numel() for weight in model.parameters())
    embedded = sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Embedding))
    return {
        "network": name,
        "parameters": parameters,
        "without embeddings": parameters - embedded,
        "million MACs": counter.get_total_flops() / 2e6,
    }


def compiled(runtime: str, known: Mapping[str, tuple[nn.Module, dict[str, Tensor]]], folder: Path) -> dict[str, Path]:
    """The fp32 file of every network for one runtime."""
    backend = backends.plugin(runtime)
    files = {}
    for number, (name, (model, example)) in enumerate(known.items()):
        program, file = folder / "model.pt2", folder / f"{runtime}-{number}{backend.SUFFIX}"
        export.save_program(model, example, program)
        backend.convert(program, file)
        files[name] = file
    return files


def medians(device: Device, runtime: str, files: Mapping[str, Path]) -> dict[str, float]:
    """Median milliseconds of every file in one runtime, interleaved."""
    placed = {name: tasks.put_model(device, file.stem, runtime, 1, file) for name, file in files.items()}
    timed = tasks.time_interleaved(device, list(placed.values()), {}, SETTINGS)
    found = {name: latency.block_percentile(timed[file.name].blocks, 50) for name, file in placed.items()}
    return {name: one.value / 1e6 for name, one in found.items() if one is not None}


if __name__ == "__main__":
    sys.exit(main())
