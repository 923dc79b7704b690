from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.compile.export import floor_program, save_program
from l0gm_edge.core.errors import ExportFailed

EXAMPLE = {"image": torch.zeros(1, 1, 6, 6), "tabular": torch.zeros(1, 4)}


class Fused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(40, 3)

    def forward(self, **inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.drop(torch.cat([inputs["image"].flatten(1), inputs["tabular"]], 1)))
        return logits


class Branching(nn.Module):
    def forward(self, **inputs: Tensor) -> Tensor:
        if inputs["tabular"].sum() > 0:
            return inputs["tabular"]
        return -inputs["tabular"]


def test_the_program_computes_what_the_model_does(tmp_path: Path) -> None:
    model = Fused().train()
    save_program(model, EXAMPLE, tmp_path / "model.pt2")
    assert model.training
    assert model.drop.training
    program = torch.export.load(tmp_path / "model.pt2").module()
    inputs = {name: torch.randn_like(values) for name, values in EXAMPLE.items()}
    torch.testing.assert_close(program(**inputs), model.eval()(**inputs))


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = Fused()
    for name in ("a.pt2", "b.pt2"):
        save_program(model, EXAMPLE, tmp_path / name)
    assert (tmp_path / "a.pt2").read_bytes() == (tmp_path / "b.pt2").read_bytes()


def test_a_model_that_branches_on_values_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed) as failed:
        save_program(Branching(), EXAMPLE, tmp_path / "model.pt2")
    assert "Branching cannot be exported" in failed.value.what
    assert failed.value.where is not None
    assert Path(__file__).name in failed.value.where
    assert failed.value.todo
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("example", [EXAMPLE, {"text": torch.arange(8)[None], "tabular": torch.zeros(1, 4)}])
def test_the_floor_takes_the_same_inputs_and_gives_the_same_shape(tmp_path: Path, example: dict[str, Tensor]) -> None:
    floor_program(example, 7, tmp_path / "floor.pt2")
    program = torch.export.load(tmp_path / "floor.pt2")
    assert set(program.example_inputs[1]) == set(example)
    assert program.module()(**example).shape == (1, 7)
    assert sum(parameter.numel() for parameter in program.state_dict.values()) == 7 * 2 + 7
