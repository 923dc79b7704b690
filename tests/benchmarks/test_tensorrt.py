"""The benchmarks' networks, in every scheme, through TensorRT-RTX's own parser and builder."""

from __future__ import annotations

from pathlib import Path

import dense
import numpy as np
import pytest
import torch

from l0gm_edge.backends import tensorrt
from l0gm_edge.compile.export import save_program
from l0gm_edge.core.engine import Answer, EngineDescription
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.store import read_value

NETWORKS = dense.networks()


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_every_scheme_of_every_network_is_built(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX (the extra trt-check) is not installed")
    torch.manual_seed(0)
    model, example = NETWORKS[name]
    program, plain = tmp_path / "model.pt2", tmp_path / f"fp32{tensorrt.SUFFIX}"
    save_program(model.eval(), example, program)
    tensorrt.convert(program, plain)
    calibration = {key: np.concatenate([values.numpy()] * 4) for key, values in example.items()}
    for scheme in tensorrt.SCHEMES:
        output = tmp_path / f"{scheme}{tensorrt.SUFFIX}"
        if scheme != "fp32":
            tensorrt.quantize(plain, scheme, calibration, Quantize(), output)
        description = read_value(EngineDescription, output.with_suffix(tensorrt.DESCRIPTION))
        assert description.front_end.answer is Answer.BUILT, f"{scheme}: {description.front_end.reason}"
        asked = {"static_int8": "int8", "int8_fp16": "int8", "implicit_int8": "int8"}.get(scheme, scheme)
        assert asked in description.precisions.values()
