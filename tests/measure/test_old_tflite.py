"""The old tflite-runtime as a device's runtime: what it computes wrongly without a word, parity sees."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from l0gm_edge.backends import tflite
from l0gm_edge.check.checks.parity import MAX_DIFFERENCE, MIN_AGREEMENT, Distance, distance
from l0gm_edge.compile import export
from l0gm_edge.core import load
from l0gm_edge.core.hardware import Transport
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.devices import local
from l0gm_edge.measure import job, tasks

RUNTIME, ROWS = ("tflite-runtime==2.14.0", "numpy<2"), 64
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="tflite-runtime 2.14 has wheels up to Python 3.11 only"),
]


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has the old runtime and nothing of ours."""
    folder = tmp_path_factory.mktemp("old")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    made = subprocess.run([python, "-m", "pip", "install", "-q", *RUNTIME], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"tflite-runtime 2.14 cannot be installed here: {made.stderr[-200:]}")
    return python


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A small network as fp32, as our dynamic int8, and as dynamic int8 with a scale for each channel."""
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    folder = tmp_path_factory.mktemp("files")
    export.save_program(network(), {"x": torch.zeros(1, 48)}, folder / "model.pt2")
    plain = folder / "fp32.tflite"
    tflite.convert(folder / "model.pt2", plain)
    tflite.quantize(plain, "dynamic_int8", {"x": rows()}, Quantize(), folder / "by_tensor.tflite")
    quantizer = Quantizer(str(plain))
    by_channel = QuantGranularity.CHANNELWISE
    quantizer.add_dynamic_config(".*", TFLOperationName.FULLY_CONNECTED, 8, by_channel)
    made = quantizer.quantize().quantized_model
    assert made is not None
    (folder / "by_channel.tflite").write_bytes(bytes(made))
    return {name: folder / f"{name}.tflite" for name in ("fp32", "by_tensor", "by_channel")}


def network() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 12))
    with torch.no_grad():
        model[0].weight *= torch.logspace(-2, 1, 96)[:, None]  # channels of very different scales
    model.forward = lambda x: nn.Sequential.forward(model, x)  # its argument is called x
    return model.eval()


def rows() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((ROWS, 48)).astype(np.float32)


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
    new, old = answers(files, None, tmp_path), answers(files, old_python, tmp_path)
    for found in (new, old):
        assert found["fp32"].difference <= MAX_DIFFERENCE["fp32"]
    assert old["by_tensor"].difference <= 2 * new["by_tensor"].difference
    assert old["by_channel"].difference > 10 * new["by_channel"].difference
    assert new["by_channel"].agreement >= MIN_AGREEMENT
    assert old["by_channel"].agreement < MIN_AGREEMENT  # no error, no warning: only the outputs tell
