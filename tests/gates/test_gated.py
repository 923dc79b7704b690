"""What layers compute with gates on, and the gradients that come back."""

from __future__ import annotations

import pytest
import torch

from l0gm_edge.gates.gated import blend


@pytest.mark.parametrize("gate", [0.0, 0.3, 0.8, 1.0])
def test_a_blend_and_its_gradients_are_those_of_the_formula(gate: float) -> None:
    torch.manual_seed(0)
    before, after = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    z = torch.tensor(gate, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(blend(before, after, z), before + z * (after - before))
    assert torch.autograd.gradcheck(blend, (before, after, z))
