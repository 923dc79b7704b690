"""Graphs that torch's exporter writes come back as programs which compute the same, experts and attention included."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.backends import _child
from l0gm_edge.core.errors import ExportFailed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("onnx2pytorch") is None, reason="the extra onnx-import is not installed"),
]


class Experts(nn.Module):
    """Two of four experts, as a static graph."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.head = nn.Linear(16, 4), nn.Linear(16, 3)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 16)) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        values, index = torch.topk(self.router(x), 2)
        mask = (index[..., None] == torch.arange(4)).float()
        shares = (values.softmax(-1)[..., None] * mask).sum(1)
        return self.head(sum(expert(x) * shares[:, at : at + 1] for at, expert in enumerate(self.experts)))


class Residual(nn.Module):
    """A block with a way around it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(3, 2, 1))
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Hardswish(), nn.Conv2d(8, 8, 1))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((x + self.block(x)).mean((2, 3)))


class Reader(nn.Module):
    """A transformer over ids."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 16)
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.table(x)).mean(1))


@pytest.mark.filterwarnings("ignore")  # of torch's exporter, about itself
@pytest.mark.parametrize(
    ("network", "draw"),
    [
        (Experts, lambda: torch.randn(1, 16)),
        (Residual, lambda: torch.randn(1, 3, 32, 32)),
        (Reader, lambda: torch.randint(0, 30, (1, 6))),
    ],
)
def test_the_program_computes_what_the_network_does(network: type[nn.Module], draw, tmp_path: Path) -> None:
    model, source, program = network().eval(), tmp_path / "m.onnx", tmp_path / "m.pt2"
    torch.onnx.export(model, (draw(),), source, input_names=["x"], dynamo=True, external_data=False, verbose=False)
    _child.run("l0gm_edge.backends._onnx_import", source, program, purpose="import")
    found = torch.export.load(program).module()
    for _ in range(4):
        x = draw()
        torch.testing.assert_close(found(x=x), model(x), atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_what_the_importer_does_not_have_is_named(tmp_path: Path) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRU(4, 8, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.cell(x)[0][:, -1]

    source = tmp_path / "m.onnx"
    torch.onnx.export(Recurrent().eval(), (torch.ones(1, 5, 4),), source, dynamo=True, verbose=False)
    with pytest.raises(ExportFailed, match="GRU"):
        _child.run("l0gm_edge.backends._onnx_import", source, tmp_path / "m.pt2", purpose="import")
    assert not (tmp_path / "m.pt2").exists()
