"""A small two-input torch model, compiled and quantized for real; built once per test run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from l0gm_edge import backends
from l0gm_edge.core.recipe import Quantize

SCHEMES = {"onnxruntime": ("fp32", "static_int8"), "tflite": ("fp32", "static_int8", "integer_only")}
FILES = [(runtime, scheme) for runtime, schemes in SCHEMES.items() for scheme in schemes]
_folder = TemporaryDirectory(prefix="l0gm-edge-tests-")


class Net(torch.nn.Module):
    """A convolution and a table, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.image = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten())
        self.table = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU())
        self.head = torch.nn.Linear(8 * 36 + 16, 3)

    def forward(self, image: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Class scores (n, 3)."""
        return self.head(torch.cat([self.image(image), self.table(table)], dim=1))


def inputs(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows of both inputs, from -1 to 1."""
    draw = np.random.default_rng(seed)
    shapes = {"image": (rows, 1, 8, 8), "table": (rows, 6)}
    return {name: draw.uniform(-1, 1, size=shape).astype(np.float32) for name, shape in shapes.items()}


@cache
def model() -> Net:
    """The torch model."""
    torch.manual_seed(0)
    return Net().eval()


def outputs(given: dict[str, np.ndarray]) -> np.ndarray:
    """What the torch model gives."""
    with torch.no_grad():
        return model()(**{name: torch.from_numpy(values) for name, values in given.items()}).numpy()


@cache
def files(runtime: str) -> dict[str, Path]:
    """The model's file in each of the runtime's `SCHEMES`."""
    backend, folder = backends.plugin(runtime), Path(_folder.name)
    program = folder / f"{runtime}.pt2"
    example = {name: torch.from_numpy(values) for name, values in inputs(1).items()}
    torch.export.save(torch.export.export(model(), (), example), program)
    found = {scheme: folder / f"{scheme}{backend.SUFFIX}" for scheme in SCHEMES[runtime]}
    backend.convert(program, found["fp32"])
    for scheme in SCHEMES[runtime][1:]:
        backend.quantize(found["fp32"], scheme, inputs(64, seed=1), Quantize(), found[scheme])
    return found
