"""A folded temperature: the logits are divided, the classes stay, and what cannot hold it is refused untouched."""

from __future__ import annotations

from collections.abc import Callable

import fusion_models
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.learn import temper


@given(temperature=st.floats(0.1, 10))
def test_the_logits_are_divided(temperature: float) -> None:
    model = fusion_models.model(fusion_models.recipe()).eval()
    example = fusion_models.example(5)
    before = model(**example)
    temper.fold(model, example, temperature)
    torch.testing.assert_close(model(**example), before / temperature)


class Tied(nn.Module):
    """Writes with the weights it reads with."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embedding(x.long().clamp(0, 6)).mean(1))


class Twice(nn.Module):
    """Calls its last layer on its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.head(x))


class Softmax(nn.Module):
    """Gives what is no longer a linear layer's output."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x).softmax(1)


@pytest.mark.parametrize(
    ("make", "why"),
    [(Tied, "another layer's too"), (Twice, "called once"), (Softmax, "straight from one linear layer")],
)
def test_what_cannot_hold_a_temperature_is_refused_and_left_as_it_was(make: Callable[[], nn.Module], why: str) -> None:
    model = make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RecipeError, match=why):
        temper.fold(model, {"x": torch.rand(2, 6)}, 2.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
