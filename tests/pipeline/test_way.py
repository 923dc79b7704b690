"""Rows followed from torch to a device: a runtime that computes wrongly without a word, and files that are wrong."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import compiled
import file_artifact
import numpy as np
import old_runtime
import pytest
import torch
from fake_device import FakeDevice
from torch import nn

from l0gm_edge import backends, devices
from l0gm_edge.backends import tflite
from l0gm_edge.check.checks import parity
from l0gm_edge.compile import export
from l0gm_edge.core import load
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.truth import Chain, Place
from l0gm_edge.devices import CommandResult, Outcome
from l0gm_edge.measure import job, tasks
from l0gm_edge.pipeline import way

pytestmark = pytest.mark.slow
# Of those that ranges are drawn from: others may lie outside of them.
ROWS = {name: values[: way.ROWS] for name, values in compiled.inputs(64, seed=1).items()}


@pytest.fixture
def here(root: Path) -> HardwareProfile:
    """This machine with our own Python."""
    return load.hardware(str(root / "hardware" / "host-cpu.yaml"))


def with_python(here: HardwareProfile, python: str) -> HardwareProfile:
    """A device that is reached locally, and is not this machine's Python."""
    return here.model_copy(update={"transport": Transport(python=python)})


def trace(
    profile: HardwareProfile,
    path: Path,
    network: nn.Module,
    rows: Mapping[str, np.ndarray],
    folder: Path,
    scheme: str = "fp32",
    twin: Path | None = None,
) -> Chain:
    """The way of rows through a file whose torch model is `network`."""
    runtime = "onnxruntime" if path.suffix == ".onnx" else "tflite"
    facts = backends.plugin(runtime).inspect(path)
    told = {"inputs": facts.inputs, "outputs": facts.outputs, "ops": facts.ops}
    made = file_artifact.of_file(path, name=f"compressed-{runtime}-{scheme}", scheme=scheme, **told)
    with torch.no_grad():
        reference = network(**{name: torch.from_numpy(values) for name, values in rows.items()}).numpy()
    with devices.plugin("local").connect(profile) as device:
        job.put_programs(device)
        model = tasks.put_model(device, made.name, runtime, 1, path)
        tasks.ask(device, [model], tasks.put_sets(device, {"rows": rows}), folder)
        answers = tasks.read_outputs(tasks.outputs_path(folder, made.name, "rows"), len(reference))
        lost = not parity.keeps(scheme, parity.distance(answers, reference))
        followed = way.Followed(made, path, reference, answers, lost, network, twin)
        return way.follow(device, profile, followed, rows)


@pytest.mark.parametrize(("runtime", "scheme"), compiled.FILES)
def test_a_sound_file_goes_all_the_way(runtime: str, scheme: str, here: HardwareProfile, tmp_path: Path) -> None:
    files = compiled.files(runtime)
    for profile, places in (
        (here, [Place.FILE, Place.DEVICE]),
        (with_python(here, sys.executable), [Place.FILE, Place.HOST, Place.DEVICE]),
    ):
        chain = trace(profile, files[scheme], compiled.model(), ROWS, tmp_path, scheme, files["fp32"])
        assert [link.place for link in chain.links] == places
        assert all(link.difference < 0.05 for link in chain.links), chain.links
        assert (chain.parted, chain.layer, chain.rows) == (None, None, way.ROWS)


@pytest.mark.parametrize("runtime", sorted(compiled.SCHEMES))
def test_a_file_that_was_converted_wrongly_is_told_from_the_device(
    runtime: str, here: HardwareProfile, tmp_path: Path
) -> None:
    other = copy.deepcopy(compiled.model())
    with torch.no_grad():
        other.head.weight.mul_(-1)
    chain = trace(here, compiled.files(runtime)["fp32"], other, ROWS, tmp_path)
    assert (chain.parted, chain.layer) == (Place.FILE, "head")


@pytest.mark.parametrize("runtime", sorted(compiled.SCHEMES))
def test_a_quantization_that_broke_is_found_beside_its_float_twin(
    runtime: str, here: HardwareProfile, tmp_path: Path
) -> None:
    files, loud = compiled.files(runtime), {name: 50 * values for name, values in ROWS.items()}
    chain = trace(here, files["static_int8"], compiled.model(), loud, tmp_path, "static_int8", files["fp32"])
    assert chain.parted is Place.FILE
    assert str(chain.layer).startswith(("image", "table"))


def test_a_runtime_that_is_wrong_without_a_word_is_named_with_its_layer(here: HardwareProfile, tmp_path: Path) -> None:
    old = with_python(here, old_runtime.python(tmp_path / "old"))
    torch.manual_seed(0)
    network = Chained().eval()
    rows = {"x": np.random.default_rng(0).standard_normal((way.ROWS, 24)).astype(np.float32)}
    export.save_program(network, {"x": torch.zeros(1, 24)}, tmp_path / "model.pt2")
    plain, small = tmp_path / "plain.tflite", tmp_path / "small.tflite"
    tflite.convert(tmp_path / "model.pt2", plain)
    tflite.quantize(plain, "dynamic_int4", rows, Quantize(), small)
    sound = trace(old, plain, network, rows, tmp_path)
    assert (sound.parted, sound.layer) == (None, None)
    chain = trace(old, small, network, rows, tmp_path, "dynamic_int4", plain)
    _, host, device = chain.links
    assert chain.parted is Place.DEVICE
    assert str(chain.layer).startswith("first")
    assert device.difference > 5 * host.difference
    assert "on the device, first in layer first" in str(chain.told)


def test_a_device_that_cannot_be_looked_into_keeps_what_was_found(here: HardwareProfile) -> None:
    def refuses(command: Sequence[str]) -> CommandResult | None:
        fails = any(word.startswith("tensors-") for word in command)
        return CommandResult(outcome=Outcome.TRANSPORT_LOST, status=None, stdout="", stderr="gone") if fails else None

    elsewhere, path = with_python(here, sys.executable), compiled.files("onnxruntime")["fp32"]
    facts, reference = backends.plugin("onnxruntime").inspect(path), compiled.outputs(ROWS)
    made = file_artifact.of_file(path, inputs=facts.inputs, outputs=facts.outputs)
    with devices.plugin("local").connect(elsewhere) as device:
        followed = way.Followed(made, path, reference, -reference, lost=True, network=None, twin=None)
        chain = way.follow(FakeDevice(device, refuses), elsewhere, followed, ROWS)
    assert (chain.parted, chain.layer) == (Place.DEVICE, None)
    assert "gone" in str(chain.unseen)
    assert "could not be looked into" in str(chain.told)


class Chained(nn.Module):
    """Two linear layers, the first with channels of very different scales."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(24, 20), nn.Linear(20, 12)
        with torch.no_grad():
            self.first.weight *= torch.logspace(-2, 1, 20)[:, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (n, 12)."""
        return self.last(torch.relu(self.first(x)))
