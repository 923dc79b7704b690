"""Models that cannot be looked at: what is said, and that they are left as they were."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.gates.groups import survey


class Restless(nn.Module):
    def __init__(self, noise: nn.Module) -> None:
        super().__init__()
        self.a, self.noise, self.b = nn.Linear(4, 6), noise, nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.noise(self.a(x)))


class AlwaysDropout(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5, training=True)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


@pytest.mark.parametrize("noise", [AlwaysDropout, Counting])
def test_a_forward_pass_that_changes_is_refused_naming_the_module(noise: type[nn.Module]) -> None:
    with pytest.raises(RefusedInput, match="differ, from module 'noise' on"):
        survey(Restless(noise()), torch.randn(3, 4))


def test_a_model_on_several_devices_is_refused() -> None:
    model = Restless(nn.ReLU())
    model.b.to("meta")
    with pytest.raises(RefusedInput, match=r"several devices: 'a\.weight' on cpu, 'b\.weight' on meta"):
        survey(model, torch.randn(3, 4))


def test_inputs_on_another_device_are_refused() -> None:
    with pytest.raises(RefusedInput, match="inputs are on meta, the model is on cpu"):
        survey(Restless(nn.ReLU()), torch.randn(3, 4, device="meta"))


def test_inputs_in_another_number_format_are_what_the_model_says() -> None:
    with pytest.raises(ExportFailed, match="does not run on the example inputs: RuntimeError"):
        survey(Restless(nn.ReLU()), torch.randn(3, 4, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_models_in_other_number_formats_are_looked_at(dtype: torch.dtype) -> None:
    model = Restless(nn.LayerNorm(6)).to(dtype)
    assert [site.width for site in survey(model, torch.randn(3, 4, dtype=dtype)).sites] == [6]


def test_inputs_that_are_no_inputs_are_refused() -> None:
    with pytest.raises(RefusedInput, match="example inputs of type int"):
        survey(Restless(nn.ReLU()), 3)  # type: ignore[arg-type]
