"""Tokens of maps, vectors, sequences and ids, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Tokens
from l0gm_edge.models import tokens


def made(shape: tuple[int, ...], width: int = 5, **config: int) -> tokens.Tokenizer:
    torch.manual_seed(0)
    return tokens.build({"x": Tokens(**config)}, {"x": shape}, width)["x"]


@pytest.mark.parametrize("shape", [(3, 8, 12), (1, 7, 10)])
def test_patches_of_a_map_are_a_strided_convolution(shape: tuple[int, ...]) -> None:
    channels, high, wide = shape
    tokenizer = made(shape, patch=4)
    assert isinstance(tokenizer, tokens.Patches)
    x = torch.randn(2, *shape)
    kernel = tokenizer.project.weight.view(5, channels, 4, 4)
    padded = functional.pad(x, (0, -wide % 4, 0, -high % 4))
    wanted = functional.conv2d(padded, kernel, tokenizer.project.bias, stride=4).flatten(2).transpose(1, 2)
    torch.testing.assert_close(tokenizer(x), wanted + tokenizer.position)
    assert tokenizer.count == wanted.shape[1]


def test_vectors_and_steps_are_cut_in_a_row() -> None:
    vector, steps = made((10,), patch=4), made((3, 10), patch=4)
    x = torch.randn(2, 3, 10)
    assert (vector.count, steps.count) == (3, 9)
    assert isinstance(vector, tokens.Patches)
    assert isinstance(steps, tokens.Patches)
    steps.load_state_dict(vector.state_dict() | {"position": vector.position.repeat(3, 1)})
    for step in range(3):
        torch.testing.assert_close(steps(x)[:, 3 * step : 3 * step + 3], vector(x[:, step]))


def test_ids_that_pad_are_not_there() -> None:
    words = made((4,), vocabulary=9)
    ids = torch.tensor([[3, 8, 0, 0], [0, 0, 0, 0]])
    assert words.present(ids).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert isinstance(words, tokens.Words)
    torch.testing.assert_close(words(ids)[1], words.position)
    patches = made((10,), patch=4)
    assert patches.present(torch.zeros(2, 10)).tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(("shape", "config"), [((2, 3), {"vocabulary": 4}), ((1, 2, 3, 4), {"patch": 2})])
def test_other_shapes_are_refused(shape: tuple[int, ...], config: dict[str, int]) -> None:
    with pytest.raises(RecipeError, match=r"model\.tokens\.x: cannot read samples of shape") as refused:
        made(shape, **config)
    assert refused.value.allowed


@pytest.mark.parametrize("config", [{}, {"patch": 2, "vocabulary": 3}])
def test_a_kind_of_token_is_one_of_two(config: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="exactly one of patch, vocabulary"):
        Tokens(**config)
