"""What every tensor holds on a device, from copies of files whose inner tensors are outputs."""

from __future__ import annotations

from pathlib import Path

import compiled
import numpy as np
import pytest
import tiny_models
from fake_device import FakeDevice

from l0gm_edge.check import tensors
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.measure import inside, job, tasks
from l0gm_edge.measure.job import ModelFile

ROWS = {"x": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)}


@pytest.mark.slow
@pytest.mark.parametrize(("runtime", "scheme"), compiled.FILES)
def test_a_device_gives_what_the_file_computes(runtime: str, scheme: str, device: FakeDevice, tmp_path: Path) -> None:
    reader, given = tensors.plugin(runtime), compiled.inputs(3, seed=4)
    file = compiled.files(runtime)[scheme]
    copy = tmp_path / f"copy{file.suffix}"
    assert reader.expose(file, copy)
    wanted = reader.tensors(file, given)
    job.put_programs(device)
    given_there = inside.look(device, tasks.put_model(device, "copy", runtime, 1, copy), given)
    found = reader.named(file, given_there)
    assert {"image.0", "table.0"} <= {one.layer.replace("1", "0") for one in found.values()}
    for name, (layer, values) in found.items():
        assert layer == wanted[name].layer
        scale = np.abs(wanted[name].values).max()
        np.testing.assert_allclose(values, wanted[name].values, atol=0.02 * scale if scheme != "fp32" else 1e-5)


def test_all_outputs_come_back(device: FakeDevice, tmp_path: Path) -> None:
    job.put_programs(device)
    found = inside.look(device, put_two(device, tmp_path), ROWS)
    assert sorted(found) == ["y", "y1"]
    for values in found.values():
        np.testing.assert_allclose(values[:, 0], tiny_models.linear(ROWS["x"]), rtol=1e-5)


@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive at all"])
def test_what_cannot_be_read_is_a_device_failure(content: bytes, device: FakeDevice, tmp_path: Path) -> None:
    job.put_programs(device)
    device.tamper = lambda name, sent: content if name.endswith(".npz") else sent
    with pytest.raises(DeviceFailed, match="not readable"):
        inside.look(device, put_two(device, tmp_path), ROWS)


def put_two(device: FakeDevice, folder: Path) -> ModelFile:
    """A model of two outputs on the device."""
    return tasks.put_model(device, "two", "onnxruntime", 1, tiny_models.write_onnx(folder / "two.onnx", outputs=2))
