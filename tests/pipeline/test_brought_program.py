"""A program from a file is called by name, with any number of rows."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import foreign_files as foreign
import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.pipeline.brought_program import Program


def saved(path: Path, model: nn.Module, *args: Any, **options: Any) -> Path:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(model.eval(), args, **options), buffer)
    return foreign.written(path / "model.pt2", buffer.getvalue())


class Sequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 3)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"logits": self.table(ids).mean(1), "rows": self.table(ids)}


def test_rows_run_one_by_one_where_the_batch_is_fixed_to_one(tmp_path: Path) -> None:
    model = nn.Linear(4, 2)
    network, inputs, below = Program.read(saved(tmp_path, model, torch.ones(1, 4)), {})
    x = torch.randn(7, 4)
    torch.testing.assert_close(network(**{inputs[0].name: x}), model(x))
    assert (inputs[0].shape, inputs[0].dtype, below) == ((1, 4), "float32", {})


def test_free_axes_are_those_of_the_example_unless_given(tmp_path: Path) -> None:
    length, model = torch.export.Dim("length"), Sequence()
    ids = torch.tensor([[1, 4, 9, 2]])
    path = saved(tmp_path, model, ids, dynamic_shapes={"ids": {1: length}})
    network, inputs, below = Program.read(path, {})
    assert (inputs[0].shape, below) == ((1, 4), {"ids": 10})
    _, longer, _ = Program.read(path, {"ids": (1, 9)})
    assert longer[0].shape == (1, 9)
    torch.testing.assert_close(network(ids=ids), model(ids)["logits"])  # of outputs by name, the logits


@pytest.mark.parametrize(
    ("args", "shapes", "words"),
    [
        ((torch.ones(2, 4),), {}, "takes 2 rows at once"),
        ((torch.ones(1, 4),), {"input": (1, 5)}, "--shape gives 'input' (1, 5)"),
        ((torch.ones(1, 4),), {"picture": (1, 4)}, "--shape names picture"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, args: Any, shapes: Any, words: str) -> None:
    with pytest.raises(RefusedInput) as caught:
        Program.read(saved(tmp_path, nn.Linear(4, 2), *args), shapes)
    assert words in str(caught.value)


def test_inputs_of_other_types_are_refused(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def forward(self, x: Tensor, by: int) -> Tensor:
            return x * by

    with pytest.raises(RefusedInput, match="other inputs than tensors"):
        Program.read(saved(tmp_path, Scaled(), torch.ones(1, 4), 3), {})
    with pytest.raises(RefusedInput, match=r"is torch\.float64"):
        Program.read(saved(tmp_path, nn.ReLU(), torch.ones(1, 4, dtype=torch.float64)), {})


def test_a_program_that_contradicts_itself_does_not_run_and_is_refused(tmp_path: Path) -> None:
    def other(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.linear.default"

    with pytest.raises(RefusedInput, match="not a program that can be used"):
        Program.read(foreign.written(tmp_path / "m.pt2", foreign.changed("models/model.json", other)), {})
