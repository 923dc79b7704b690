"""Finding the first torch module that a file computes differently, in files that our backends converted."""

from __future__ import annotations

import copy

import compiled
import numpy as np
import pytest
import torch

from l0gm_edge.check import modules, tensors

ROWS = compiled.inputs(4, seed=5)
RUNTIMES = sorted(compiled.SCHEMES)
pytestmark = pytest.mark.slow


def altered(name: str) -> torch.nn.Module:
    """The network with other weights in one module."""
    network = copy.deepcopy(compiled.model())
    with torch.no_grad():
        network.get_submodule(name).weight.mul_(-1)
    return network


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("wrong", ["image.0", "table.0", "head"])
def test_the_module_with_other_weights_is_named(runtime: str, wrong: str) -> None:
    found = tensors.plugin(runtime).tensors(compiled.files(runtime)["fp32"], ROWS)
    told = modules.first_apart(modules.outputs(altered(wrong), ROWS), found, 1e-3)
    assert told is not None
    assert told.split(" to ")[0] == wrong  # a file may have fused an activation to it


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_sound_file_has_no_such_module(runtime: str) -> None:
    found = tensors.plugin(runtime).tensors(compiled.files(runtime)["fp32"], ROWS)
    assert modules.first_apart(modules.outputs(compiled.model(), ROWS), found, 1e-3) is None


def test_outputs_are_those_of_each_module_and_nothing_stays_attached() -> None:
    network = compiled.model()
    found = modules.outputs(network, ROWS)
    assert list(found) == ["image.0", "image.1", "image.2", "table.0", "table.1", "head"]
    np.testing.assert_allclose(found["head"][:, 0], compiled.outputs(ROWS), atol=1e-6)
    np.testing.assert_allclose(found["table.1"], np.maximum(found["table.0"], 0))
    assert not any(module._forward_hooks for module in network.modules())
