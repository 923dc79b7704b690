"""One small late-fusion model with experts, converted once for every backend and quantized once in every scheme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l0gm_edge import backends
from l0gm_edge.compile.export import save_program
from l0gm_edge.core.recipe import Quantize

Arrays = Mapping[str, np.ndarray]


class Experts(nn.Module):
    """Every expert computed, the best two weighted by a mask: the exportable form."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.router = nn.Linear(width, count)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, width)) for _ in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        values, index = self.router(x).topk(2, -1)
        mask = (index[..., None] == torch.arange(len(self.experts))).to(x.dtype)
        weight = (values.softmax(-1)[..., None] * mask).sum(-2)
        parts = [weight[..., number, None] * expert(x) for number, expert in enumerate(self.experts)]
        return torch.stack(parts).sum(0)


class LateFusion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        )
        self.tabular = nn.Sequential(nn.Linear(12, 24), nn.ReLU())
        self.fuse = nn.Linear(32 + 24, 24)
        self.moe = Experts(24, 8)
        self.norm = nn.LayerNorm(24)
        self.head = nn.Linear(24, 5)

    def forward(self, **inputs: Tensor) -> Tensor:
        parts = [self.image(inputs["image"]).mean((2, 3)), self.tabular(inputs["tabular"])]
        latent = torch.relu(self.fuse(torch.cat(parts, -1)))
        logits: Tensor = self.head(self.norm(latent + self.moe(latent)))
        return logits


@pytest.fixture(scope="session")
def model() -> nn.Module:
    torch.manual_seed(0)
    made = LateFusion().eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return made


@pytest.fixture(scope="session")
def samples() -> Arrays:
    rng = np.random.default_rng(0)
    shapes = {"image": (48, 1, 12, 12), "tabular": (48, 12)}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def expected(model: nn.Module, samples: Arrays) -> np.ndarray:
    with torch.no_grad():
        logits: np.ndarray = model(**{name: torch.from_numpy(values) for name, values in samples.items()}).numpy()
    return logits


@pytest.fixture(scope="session")
def program(model: nn.Module, samples: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    save_program(model, {name: torch.from_numpy(values[:1]) for name, values in samples.items()}, path)
    return path


@pytest.fixture(scope="session")
def compiled(program: Path, samples: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The model's file for a runtime and a scheme, made when first asked for."""
    folder = tmp_path_factory.mktemp("compiled")

    @cache
    def made(runtime: str, scheme: str) -> Path:
        backend = backends.plugin(runtime)
        output = folder / f"{runtime}-{scheme}{backend.SUFFIX}"
        if scheme == "fp32":
            backend.convert(program, output)
        else:
            backend.quantize(made(runtime, "fp32"), scheme, samples, Quantize(), output)
        return output

    return made
