"""A recorded forward pass computes what the model does, and a model that decides by values is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.backends._recorded import recorded
from l0gm_edge.core.errors import ExportFailed


class Shapely(nn.Module):
    """Computes its sizes from tensors, as importers do."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 4)
        self.register_buffer("size", torch.tensor([2, -1]))
        self.register_buffer("order", torch.tensor([1, 0]))

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        hidden = torch.reshape(self.head(x), [int(one) for one in self.size])
        first, second = torch.split(hidden, 1)
        table = torch.arange(4.0) + self.size[0]
        return torch.cat([first, second])[self.order] + table[ids] * (hidden.shape[0] + self.size[0] * 0)


EXAMPLE = {"x": torch.ones(2, 6), "ids": torch.tensor([0, 1, 2, 3])}


def test_the_recording_computes_what_the_model_does_and_can_be_exported() -> None:
    model = Shapely()
    graph = recorded(model, EXAMPLE)
    program = torch.export.export(graph, (), EXAMPLE).module()
    for _ in range(3):
        given = {"x": torch.randn(2, 6), "ids": torch.randint(0, 4, (4,))}
        torch.testing.assert_close(graph(**given), model(**given))
        torch.testing.assert_close(program(**given), model(**given))


class ByValue(Shapely):
    def forward(self, x: Tensor, ids: Tensor) -> Any:
        return x if x.sum() > 0 else -x


class BySize(Shapely):
    def forward(self, x: Tensor, ids: Tensor) -> Any:
        return x[: int(ids[0]) + 1]


class Writing(Shapely):
    def forward(self, x: Tensor, ids: Tensor) -> Any:
        table = torch.zeros(2, 6)
        table[0] = x[0]
        return table


@pytest.mark.parametrize("kind", [ByValue, BySize, Writing])
def test_values_that_decide_are_refused(kind: type[nn.Module]) -> None:
    with pytest.raises(ExportFailed, match="a value of the inputs decides"):
        recorded(kind(), EXAMPLE)
