"""Layer normalisation over open entries, against the physically smaller layer."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from l0gm_edge.gates.norms import layer_norm


@given(st.lists(st.booleans(), min_size=2, max_size=12).filter(any), st.booleans(), st.booleans())
def test_it_equals_the_smaller_layer_norm(open_flags: list[bool], affine: bool, bias: bool) -> None:
    torch.manual_seed(0)
    width, keep = len(open_flags), [index for index, flag in enumerate(open_flags) if flag]
    norm = nn.LayerNorm(width, elementwise_affine=affine, bias=bias)
    small = nn.LayerNorm(len(keep), elementwise_affine=affine, bias=bias)
    if affine:
        for name, values in norm.named_parameters():
            nn.init.normal_(values)
            small.get_parameter(name).data = values.data[keep]
    x = torch.randn(3, 5, width) * 4 + 1
    found = layer_norm(x, norm, torch.tensor(open_flags).float())
    torch.testing.assert_close(found[..., keep], small(x[..., keep]), rtol=1e-4, atol=1e-5)


def test_a_draw_that_closes_everything_gives_finite_numbers() -> None:
    x = torch.randn(4, 6, requires_grad=True)
    out = layer_norm(x, nn.LayerNorm(6), torch.zeros(6))
    out.sum().backward()
    assert bool(out.isfinite().all())
    assert bool(x.grad.isfinite().all())


@given(st.lists(st.booleans(), min_size=2, max_size=8).filter(any))
def test_its_gradients_are_those_of_finite_differences(open_flags: list[bool]) -> None:
    torch.manual_seed(0)
    norm = nn.LayerNorm(len(open_flags), dtype=torch.float64)
    x = torch.randn(3, 2, len(open_flags), dtype=torch.float64, requires_grad=True)
    is_open = torch.tensor(open_flags).double()

    def at(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        layer = nn.LayerNorm(len(open_flags), dtype=torch.float64)
        del layer.weight, layer.bias
        layer.weight, layer.bias = weight, bias
        return layer_norm(x, layer, is_open)

    assert torch.autograd.gradcheck(at, (x, norm.weight, norm.bias))


def test_under_autocast_it_gives_what_the_layer_gives() -> None:
    norm, x = nn.LayerNorm(8), torch.randn(4, 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected, found = norm(x), layer_norm(x, norm, torch.ones(8))
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    low = nn.LayerNorm(8).bfloat16()
    assert layer_norm(x, low, torch.ones(8)).dtype == torch.bfloat16
