"""The old tflite-runtime as a device's runtime: what it computes wrongly without a word, parity sees."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import old_runtime
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from l0gm_edge.backends import _tflite_file, tflite
from l0gm_edge.check.checks.parity import MAX_DIFFERENCE, MIN_AGREEMENT, Distance, distance
from l0gm_edge.compile import export, rules
from l0gm_edge.compile.rules import Target
from l0gm_edge.compile.rules._tflite_versions import UP_TO
from l0gm_edge.core import load
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import Transport
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.devices import local
from l0gm_edge.measure import job, tasks

IMPORT = """
import json, sys
from pathlib import Path
try:
    from tflite_runtime.interpreter import Interpreter
except ImportError:
    from ai_edge_litert.interpreter import Interpreter
"""
SIGNATURES = """
print(json.dumps(Interpreter(sys.argv[1]).get_signature_list()))
"""
LOADED = """
def loads(path):
    try:
        Interpreter(str(path))
    except Exception as error:
        return "find op" not in str(error) and "out of range" not in str(error)
    return True
print(json.dumps({path.stem: loads(path) for path in Path(sys.argv[1]).iterdir()}))
"""
OLD = Target(found=("tflite-runtime", "2.14.0"))
ROWS = 64
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return old_runtime.python(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A small network in schemes of ours, and as dynamic int8 with a scale for each channel."""
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    folder = tmp_path_factory.mktemp("files")
    export.save_program(network(), {"x": torch.zeros(1, 24)}, folder / "model.pt2")
    plain = folder / "fp32.tflite"
    tflite.convert(folder / "model.pt2", plain)
    for scheme in ("dynamic_int8", "dynamic_int4", "weight_int4", "full_int8", "integer_only", "w8a16"):
        tflite.quantize(plain, scheme, {"x": rows()}, Quantize(), folder / f"{scheme}.tflite")
    quantizer = Quantizer(str(plain))
    by_channel = QuantGranularity.CHANNELWISE
    quantizer.add_dynamic_config(".*", TFLOperationName.FULLY_CONNECTED, 8, by_channel)
    made = quantizer.quantize().quantized_model
    assert made is not None
    (folder / "by_channel.tflite").write_bytes(bytes(made))
    return {path.stem: path for path in folder.glob("*.tflite")}


def network() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(24, 20), nn.ReLU(), nn.Linear(20, 12))
    with torch.no_grad():
        model[0].weight *= torch.logspace(-2, 1, 20)[:, None]  # channels of very different scales
    model.forward = lambda x: nn.Sequential.forward(model, x)  # its argument is called x
    return model.eval()


def rows() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((ROWS, 24)).astype(np.float32)


def answers(files: Mapping[str, Path], python: str | None, folder: Path) -> dict[str, Distance]:
    """How far each file's outputs in that interpreter's runtime are from torch's."""
    profile = load.hardware("host-cpu").model_copy(update={"transport": Transport(python=python)})
    with local.connect(profile) as device:
        job.put_programs(device)
        models = [tasks.put_model(device, name, "tflite", 1, path) for name, path in files.items()]
        placed = tasks.put_sets(device, {"rows": {"x": rows()}})
        found = tasks.ask(device, models, placed, folder)
        versions = {one.runtime_version.split()[0] for one in found}
    assert versions == {"tflite_runtime" if python else "ai_edge_litert"}
    with torch.no_grad():
        wanted = network()(torch.from_numpy(rows())).numpy()
    return {
        name: distance(tasks.read_outputs(tasks.outputs_path(folder, name, "rows"), ROWS), wanted) for name in files
    }


def test_parity_holds_in_both_runtimes_but_for_what_the_old_one_gets_wrong(
    files: Mapping[str, Path], old_python: str, tmp_path: Path
) -> None:
    with pytest.raises(DeviceFailed, match="weight_int4"):
        answers({"weight_int4": files["weight_int4"]}, old_python, tmp_path)
    both = {name: path for name, path in files.items() if name != "weight_int4"}
    new, old = answers(both, None, tmp_path), answers(both, old_python, tmp_path)
    for found in (new, old):
        assert found["fp32"].difference <= MAX_DIFFERENCE["fp32"]
    for name in ("dynamic_int8", "full_int8", "integer_only", "w8a16"):
        assert old[name].difference <= 2 * new[name].difference
    assert new["by_channel"].agreement >= MIN_AGREEMENT
    for name in ("by_channel", "dynamic_int4"):  # no error, no warning: only the outputs tell
        assert old[name].difference > 5 * new[name].difference
        assert old[name].agreement < MIN_AGREEMENT
    broken = {name for name, path in files.items() if rules.plugin("tflite").problems(path, OLD)}
    assert broken == {"weight_int4", "dynamic_int4", "by_channel"}, "the rules foretell it"
    assert not any(rules.plugin("tflite").problems(path, Target()) for path in files.values())


def test_both_runtimes_call_inputs_and_outputs_by_name(files: Mapping[str, Path], old_python: str) -> None:
    for python in (sys.executable, old_python):
        for name, path in files.items():
            if (name, python) != ("weight_int4", old_python):
                assert ask(python, SIGNATURES, str(path)) == {
                    "serving_default": {"inputs": ["x"], "outputs": ["logits"]}
                }


def test_the_table_of_operator_versions_is_what_runtimes_answer(old_python: str, tmp_path: Path) -> None:
    wanted = {name: (row[0], row[-1]) for name, row in UP_TO.items()}
    for name, numbers in wanted.items():
        for version in {number + more for number in numbers for more in (0, 1)}:
            (tmp_path / f"{name}.{version}.tflite").write_bytes(lone(name, version))
    for column, python in enumerate((old_python, sys.executable)):
        loaded = ask(python, LOADED, str(tmp_path))
        for name, numbers in wanted.items():
            newest = numbers[column]
            assert not newest or loaded[f"{name}.{newest}"], name
            assert not loaded[f"{name}.{newest + 1}"], name


def lone(name: str, version: int) -> bytes:
    """A file with one operator, good for loading alone."""
    model, code, graph = schema.ModelT(), schema.OperatorCodeT(), schema.SubGraphT()
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, name), version
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    tensor, operator = schema.TensorT(), schema.OperatorT()
    tensor.shape, tensor.name, operator.inputs, operator.outputs = [1], b"x", [0], [0]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [tensor], [operator], [0], [0]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    return _tflite_file.pack(model)


def ask(python: str, program: str, argument: str) -> dict[str, Any]:
    done = subprocess.run([python, "-c", IMPORT + program, argument], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
