"""Every layer of a file is found again in a profile of it, in any form, and what serves it is charged to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_graphs import rows, stack

from l0gm_edge import backends
from l0gm_edge.backends import FLOAT, STATIC, LayerCost, onnxruntime
from l0gm_edge.core import plugins
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.recipe import Quantize

Compiled = Callable[[str, str], Path]
ONDEVICE = Path(__file__).parents[2] / "l0gm_edge" / "ondevice"
MIXING = [name for name in plugins.names("l0gm_edge.backends") if backends.MIXED in backends.plugin(name).SCHEMES]


def profile(runtime: str, model: Path, folder: Path) -> tuple[list[LayerTime], Path]:
    """What the device's own program says of a file, and the graph that ran, or else the file."""
    program = ONDEVICE / f"{runtime}_layers.py"
    command = [sys.executable, str(program), str(model), "1", "4", "{}", "ran"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    said = json.loads(ended.stdout)
    return [LayerTime.model_validate(one) for one in said["layers"]], folder / "ran" if said.get("graph") else model


def costs(runtime: str, source: Path, model: Path, folder: Path) -> tuple[dict[str, LayerCost], float]:
    """The cost of each layer, and what all operators took."""
    times, ran = profile(runtime, model, folder)
    return backends.mixing(runtime).costs(source, ran, times), sum(time.mean_ns for time in times)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", MIXING)
def test_every_layer_that_can_be_quantized_has_a_cost_in_every_form(
    runtime: str, compiled: Compiled, samples: Mapping[str, np.ndarray], tmp_path: Path
) -> None:
    backend, source = backends.mixing(runtime), compiled(runtime, "fp32")
    sensitive = backend.sensitivity(source, samples, Quantize(subset_size=4))
    files = {FLOAT: source}
    for form in {one.form for one in sensitive}:
        files[form] = tmp_path / f"{form}{backend.SUFFIX}"
        taken = {one.layer: form for one in sensitive if one.form == form}
        backend.quantize_layers(source, taken, samples, Quantize(), files[form])
        assert files[form].stat().st_size < source.stat().st_size
    for form, file in files.items():
        found, whole = costs(runtime, source, file, tmp_path)
        assert {one.layer for one in sensitive if form in (FLOAT, one.form)} <= set(found)
        assert all(cost.ns > 0 for cost in found.values())
        assert sum(cost.ns for cost in found.values()) <= whole
    assert not any("router" in one.layer for one in sensitive), "routers stay float"


def test_what_serves_a_layer_is_charged_to_it(tmp_path: Path) -> None:
    source, made = stack(tmp_path / "stack.onnx", layers=3), tmp_path / "made.onnx"
    onnxruntime.quantize_layers(source, {"layer 1": STATIC}, rows(), Quantize(), made)
    times, ran = profile("onnxruntime", made, tmp_path)
    one_each = [time.model_copy(update={"mean_ns": 1}) for time in times]
    found = onnxruntime.costs(source, ran, one_each)
    ops = [node.op_type for node in onnx.load(ran).graph.node]
    assert ops == ["MatMul", "QuantizeLinear", "QLinearMatMul", "DequantizeLinear", "MatMul"], "ReLUs go into ranges"
    assert {name: cost.ns for name, cost in found.items()} == {"layer 0": 1, "layer 1": 3, "layer 2": 1}
    assert onnxruntime.left_in_float(ran) == ()


@pytest.mark.slow
@pytest.mark.parametrize("change", ["fewer", "others"])
def test_a_profile_that_does_not_fit_the_file_tells_nothing(change: str, compiled: Compiled, tmp_path: Path) -> None:
    source = compiled("tflite", "fp32")
    times, _ = profile("tflite", source, tmp_path)
    heavy = [number for number, time in enumerate(times) if time.op in ("Convolution", "Fully Connected")]
    if change == "fewer":
        times.pop(heavy[0])
    else:
        times[heavy[0]] = times[heavy[0]].model_copy(update={"op": "Deconvolution"})
    assert backends.mixing("tflite").costs(source, source, times) == {}


def test_bounds_behind_an_int8_layer_need_no_conversion(tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx", layers=2)
    model = onnx.load(source)
    model.graph.node[1].CopyFrom(onnx.helper.make_node("Clip", ["h0", "least", "most"], ["r0"], "relu6"))
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.float32(value), name) for name, value in (("least", 0), ("most", 6))
    )
    onnx.save(model, source)
    made = tmp_path / "made.onnx"
    onnxruntime.quantize_layers(source, {"layer 0": STATIC, "layer 1": STATIC}, rows(), Quantize(), made)
    _, ran = profile("onnxruntime", made, tmp_path)
    ops = [node.op_type for node in onnx.load(ran).graph.node]
    assert ops == ["QuantizeLinear", "QLinearMatMul", "QLinearMatMul", "DequantizeLinear"]
