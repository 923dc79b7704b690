"""What the quantization presets bring, and from which size on a layer gains from int8: docs/decisions/0004.

    python benchmarks/presets.py

Writes two results. `presets`: two late-fusion models with random weights, in every scheme of every runtime, and as
ONNX Runtime's own tool quantizes them when it is not told what to leave out; latency against the fp32 file of the same
runtime, interleaved on this machine, one thread, batch 1. `presets-layers`: single layers in ONNX Runtime, float
against int8, between neighbours in the same format.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from result import Bar, Cell, at_most, write
from torch import Tensor, nn
from torch.nn import functional

from l0gm_edge import backends, devices
from l0gm_edge.backends import Samples
from l0gm_edge.compile import export
from l0gm_edge.core import latency, load
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.measurement import Block
from l0gm_edge.core.recipe import Measure, Quantize
from l0gm_edge.devices import Device
from l0gm_edge.measure import job, tasks
from l0gm_edge.measure.job import ModelFile
from l0gm_edge.models import fusion

Row = dict[str, Cell]
HARDWARE = load.hardware("host-cpu")
RUNTIMES = tuple(runtime.name for runtime in HARDWARE.runtimes)
SHAPES = {"audio": (1, 32, 32), "image": (1, 28, 28)}  # those of avmnist
CLASSES = 10
CALIBRATED = ASKED = 256
EVERYTHING = "everything int8"
SMALL = (
    "model.encoders.image.widths=[8,16,24]",
    "model.encoders.image.out=32",
    "model.encoders.audio.widths=[8,16,24,32]",
    "model.encoders.audio.out=32",
    "model.latent=32",
    "moe.hidden=32",
)
MODELS: dict[str, tuple[str, ...]] = {"small": SMALL, "large": ()}  # changes to recipes/avmnist.yaml
FEW, MANY = 1, 5  # copies of a layer: the difference tells the time of one, free of what is spent around them
LAYERS: dict[str, tuple[nn.Conv2d | nn.Linear, tuple[int, ...]]] = {
    "convolution 1 to 16, 28x28": (nn.Conv2d(1, 16, 3, padding=1), (1, 28, 28)),
    "convolution 4 to 16, 28x28": (nn.Conv2d(4, 16, 3, padding=1), (4, 28, 28)),
    "convolution 8 to 16, 28x28": (nn.Conv2d(8, 16, 3, padding=1), (8, 28, 28)),
    "convolution 16 to 24, 28x28": (nn.Conv2d(16, 24, 3, padding=1), (16, 28, 28)),
    "convolution 32 to 32, 28x28": (nn.Conv2d(32, 32, 3, padding=1), (32, 28, 28)),
    "depthwise 64, 14x14": (nn.Conv2d(64, 64, 3, padding=1, groups=64), (64, 14, 14)),
    "linear 64x64": (nn.Linear(64, 64), (64,)),
    "linear 128x128": (nn.Linear(128, 128), (128,)),
    "linear 192x192": (nn.Linear(192, 192), (192,)),
    "linear 256x256": (nn.Linear(256, 256), (256,)),
}
SMALLEST_IN_INT8 = ("convolution 8 to 16, 28x28", "linear 192x192")  # of what ONNX Runtime's preset quantizes


class Copies(nn.Module):
    """Copies of a layer, each with weights of its own, side by side on one input; maps are averaged, as at the end of
    a convolutional network, so that little leaves the model.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, count: int) -> None:
        super().__init__()
        copies = [copy.deepcopy(layer) for _ in range(count)]
        for one in copies:
            one.reset_parameters()
        self.layers = nn.ModuleList(copies)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, *shape) to (1, count * width)."""
        outputs = [layer(x).relu() for layer in self.layers]
        flat = [functional.avg_pool2d(out, out.shape[-1]).flatten(1) if out.dim() == 4 else out for out in outputs]
        return torch.cat(flat, 1)


class Rows(CalibrationDataReader):  # type: ignore[misc]  # comes without types
    """Calibration samples one by one, as ONNX Runtime's tool reads them."""

    def __init__(self, samples: Samples) -> None:
        self._rows = iter([{name: values[k : k + 1] for name, values in samples.items()} for k in range(CALIBRATED)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next sample, or None after the last."""
        return next(self._rows, None)


def main() -> int:
    """Write both results; 0 when every bar holds, else 1."""
    torch.manual_seed(0)
    logging.disable(logging.WARNING)  # ONNX Runtime's tool recommends a simplification that the files went through
    with tempfile.TemporaryDirectory() as folder, devices.opened(HARDWARE) as device:
        job.put_programs(device)
        rows = [row for name in MODELS for row in network_rows(device, name, Path(folder))]
        layers = layer_rows(device, Path(folder))
    return max(write("presets", rows, network_bars(rows)), write("presets-layers", layers, layer_bars(layers)))


def network_rows(device: Device, name: str, folder: Path) -> list[Row]:
    """One model in every scheme: time and file against the fp32 file of the same runtime, noise in its logits."""
    model = fusion.build(load.recipe("avmnist", MODELS[name]), SHAPES, CLASSES)
    parameters = sum(weight.numel() for weight in model.parameters())
    paths = network_files(model, folder, name)
    files = {key: tasks.put_model(device, paths[key].stem, key[0], 1, paths[key]) for key in paths}
    asked = random_rows(SHAPES, ASKED, seed=1)
    blocks = timed(device, list(files.values()), asked)
    tasks.ask(device, list(files.values()), tasks.put_sets(device, {"asked": asked}), folder)
    rows: list[Row] = []
    for (runtime, scheme), file in files.items():
        plain = files[runtime, "fp32"]
        ratio = latency.ratio(blocks[file.name], blocks[plain.name])
        answers, reference = answered(folder, file), answered(folder, plain)
        rows.append(
            {
                "model": name,
                "parameters": parameters,
                "runtime": runtime,
                "scheme": scheme,
                "p50_us": p50_us(blocks[file.name]),
                "ratio": ratio.value if ratio else None,
                "interval": f"{ratio.low:.3f} to {ratio.high:.3f}" if ratio else None,
                "bytes": paths[runtime, scheme].stat().st_size,
                "snr_db": None if file is plain else snr_db(answers, reference),
            }
        )
    return rows


def network_files(model: nn.Module, folder: Path, name: str) -> dict[tuple[str, str], Path]:
    """The model in every scheme of every runtime of this machine that takes it, by runtime and scheme."""
    files: dict[tuple[str, str], Path] = {}
    for runtime in RUNTIMES:
        made = compiled(model, SHAPES, runtime, schemes(runtime), folder / f"{name}-{runtime}")
        if runtime == "onnxruntime":
            made[EVERYTHING] = folder / f"{name}-everything.onnx"
            rows = Rows(random_rows(SHAPES, CALIBRATED, seed=0))
            quantize_static(made["fp32"], made[EVERYTHING], rows, per_channel=True, activation_type=QuantType.QUInt8)
        files |= {(runtime, scheme): path for scheme, path in made.items()}
    return files


def schemes(runtime: str) -> tuple[str, ...]:
    """A runtime's schemes that take a network with experts."""
    return tuple(one for one in backends.plugin(runtime).SCHEMES if one != "integer_only")


def network_bars(rows: Sequence[Row]) -> list[Bar]:
    """Int8 has to pay on the large model, and leaving out what does not gain has to pay against quantizing all."""
    ratios = {(row["runtime"], row["scheme"]): float(row["ratio"] or 0) for row in rows if row["model"] == "large"}
    held = []
    for runtime in RUNTIMES:
        best = min(ratios[runtime, scheme] for scheme in schemes(runtime) if "int8" in scheme)
        held.append(at_most(f"{runtime}, large model: best int8 preset / fp32", best, 1.0))
    chosen = ratios["onnxruntime", "static_int8"] / ratios["onnxruntime", EVERYTHING]
    return [*held, at_most(f"onnxruntime, large model: static_int8 / {EVERYTHING}", chosen, 1.0)]


def layer_rows(device: Device, folder: Path) -> list[Row]:
    """Every layer in float and int8: the time that another copy of it takes."""
    files: dict[tuple[str, str, int], ModelFile] = {}
    for (name, (layer, shape)), count in ((one, count) for one in LAYERS.items() for count in (FEW, MANY)):
        stem = re.sub(r"\W+", "-", f"{name} {count}")
        made = compiled(Copies(layer, count), {"x": shape}, "onnxruntime", ("fp32", "static_int8"), folder / stem)
        for scheme, path in made.items():
            files[name, scheme, count] = tasks.put_model(device, path.stem, "onnxruntime", 1, path)
    blocks = timed(device, list(files.values()))

    def one_us(name: str, scheme: str) -> float:
        few, many = (p50_us(blocks[files[name, scheme, count].name]) for count in (FEW, MANY))
        return (many - few) / (MANY - FEW)

    times = {name: (one_us(name, "fp32"), one_us(name, "static_int8")) for name in LAYERS}
    return [
        {"layer": name, "fp32_us": plain, "int8_us": int8, "ratio": int8 / plain}
        for name, (plain, int8) in times.items()
    ]


def layer_bars(rows: Sequence[Row]) -> list[Bar]:
    """The smallest layers that ONNX Runtime's preset quantizes have to be no slower for it."""
    ratios = {row["layer"]: float(row["ratio"] or 0) for row in rows}
    return [at_most(f"onnxruntime, {name}: int8 / fp32", ratios[name], 1.0) for name in SMALLEST_IN_INT8]


def compiled(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], runtime: str, schemes: Sequence[str], stem: Path
) -> dict[str, Path]:
    """Files of a model for one runtime, by scheme, with fp32 among them."""
    print(f"compiling {stem.name}", file=sys.stderr)
    backend, calibration = backends.plugin(runtime), random_rows(shapes, CALIBRATED, seed=0)
    program = stem.with_name(f"{stem.name}.pt2")
    example = {name: torch.from_numpy(values[:1]) for name, values in calibration.items()}
    export.save_program(model, example, program)
    files = {scheme: stem.with_name(f"{stem.name}-{scheme}{backend.SUFFIX}") for scheme in schemes}
    backend.convert(program, files["fp32"])
    for scheme in schemes:
        if scheme != "fp32":
            backend.quantize(files["fp32"], scheme, calibration, Quantize(), files[scheme])
    return files


def random_rows(shapes: Mapping[str, tuple[int, ...]], count: int, seed: int) -> dict[str, np.ndarray]:
    """Standard normal rows of every input."""
    draw = np.random.default_rng(seed)
    return {name: draw.standard_normal((count, *shape), dtype=np.float32) for name, shape in shapes.items()}


def timed(device: Device, models: Sequence[ModelFile], inputs: Samples | None = None) -> dict[str, tuple[Block, ...]]:
    """All models interleaved, on rows of `inputs`, or on random ones."""
    placed = tasks.put_sets(device, {"samples": tasks.samples(inputs)} if inputs else {})
    return {name: timing.blocks for name, timing in tasks.time_interleaved(device, models, placed, Measure()).items()}


def p50_us(blocks: Sequence[Block]) -> float:
    """The median run in microseconds."""
    return float(np.median([run for block in blocks for run in block.latencies_ns])) / 1000


def answered(folder: Path, file: ModelFile) -> Logits:
    """What a model answered to the rows it was asked."""
    return tasks.read_outputs(tasks.outputs_path(folder, file.name, "asked"), ASKED)


def snr_db(answers: Logits, reference: Logits) -> float:
    """Signal to noise ratio: the power of the reference against that of the difference to it."""
    return float(10 * np.log10(np.square(reference).sum() / np.square(answers - reference).sum()))


if __name__ == "__main__":
    sys.exit(main())
