"""Every reader, on files that our backends compiled and quantized."""

from __future__ import annotations

from pathlib import Path

import compiled
import numpy as np
import pytest

from l0gm_edge.check import tensors
from l0gm_edge.check.divergence import first_divergence

pytestmark = pytest.mark.slow


RUNTIMES = sorted(compiled.SCHEMES)


def test_every_runtime_whose_files_are_compiled_can_be_looked_into() -> None:
    assert set(RUNTIMES) <= set(tensors.names())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_last_tensor_is_what_torch_gives(runtime: str) -> None:
    given = compiled.inputs(4, seed=2)
    found = tensors.plugin(runtime).tensors(compiled.files(runtime)["fp32"], given)
    np.testing.assert_allclose(found["logits"].values[:, 0], compiled.outputs(given), atol=1e-5)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_sound_quantization_does_not_diverge(runtime: str) -> None:
    files = compiled.files(runtime)
    for scheme in compiled.SCHEMES[runtime]:
        assert first_divergence(runtime, files["fp32"], files[scheme], compiled.inputs(8, seed=3)) is None


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_values_beyond_the_calibrated_range_diverge_at_the_first_layer(runtime: str) -> None:
    files = compiled.files(runtime)
    loud = {name: 50 * values for name, values in compiled.inputs(8, seed=3).items()}
    named = first_divergence(runtime, files["fp32"], files["static_int8"], loud)
    assert named is not None
    assert named.startswith(("image", "table"))


def test_an_engine_cannot_be_looked_into(tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    assert not tensors.plugin("tensorrt").expose(compiled.files("onnxruntime")["fp32"], copy)
    assert not copy.exists()
