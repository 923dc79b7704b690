"""The benchmarks' networks learn, and every runtime takes them."""

from __future__ import annotations

from pathlib import Path

import dense
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from l0gm_edge import backends
from l0gm_edge.compile.export import save_program
from l0gm_edge.ondevice import agent

NETWORKS = dense.networks()
RUNTIMES = ("onnxruntime", "tflite")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_two_samples_by_heart(name: str) -> None:
    torch.manual_seed(0)
    model, example = dense.networks()[name]
    model.train()
    inputs = {key: torch.cat([values, _another(values)]) for key, values in example.items()}
    labels = torch.tensor([0, 1])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        loss = functional.cross_entropy(model(**inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] / 2


def _another(values: Tensor) -> Tensor:
    """Values of the same shape and type, drawn anew."""
    if values.is_floating_point():
        return torch.randn_like(values)
    return torch.randint_like(values, 1, int(values.max()) + 1)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_padding_says_nothing(pre_norm: bool) -> None:
    model = dense.nets.text_transformer(50, 12, 3, d=16, layers=2, pre_norm=pre_norm).eval()
    text = torch.randint(1, 50, (4, 12))
    text[:, 7:] = 0
    text[3] = 0
    with torch.no_grad():
        logits = model(text=text)
        model.position[7:] += 1.0
        model.embedding.weight[0] += 1.0
        torch.testing.assert_close(model(text=text)[:3], logits[:3])
    assert torch.isfinite(logits).all()


def test_a_transformer_starts_from_a_bag() -> None:
    bag, model = dense.nets.bag(50, 3, 16), dense.nets.text_transformer(50, 12, 3, d=16)
    model.start_from(bag)
    assert torch.equal(model.embedding.weight, bag.embedding.weight)
    assert model.embedding.weight is not bag.embedding.weight


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_network_converts_and_gives_what_torch_gives(runtime: str, tmp_path: Path) -> None:
    programs = {}
    for number, (model, example) in enumerate(NETWORKS.values()):
        program = tmp_path / f"{number}.pt2"
        save_program(model, example, program)
        programs[program] = tmp_path / f"{number}{backends.plugin(runtime).SUFFIX}"
    backends.plugin(runtime).convert_all(programs)
    for (name, (model, example)), path in zip(NETWORKS.items(), programs.values(), strict=True):
        wanted = torch_logits(model, example)
        error = np.abs(runtime_logits(runtime, path, example) - wanted).max()
        assert error <= 1e-4 * np.abs(wanted).max(), name


@torch.no_grad()
def torch_logits(model: nn.Module, example: dict[str, Tensor]) -> np.ndarray:
    return model.eval()(**example).numpy()


def runtime_logits(runtime: str, path: Path, example: dict[str, Tensor]) -> np.ndarray:
    model = agent.open_model({"runtime": runtime, "path": str(path), "threads": 1})
    rows = agent.row_of(model, {name: values.numpy() for name, values in example.items()}, 0)
    model.place(model.feed(rows))
    model.run()
    return model.read()
