"""A person's own model into a bundle: what ships is sound, called by name, and the model stays theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import native_profiles
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import l0gm_edge
from l0gm_edge.bundle.integrity import read
from l0gm_edge.bundle.verify import verify
from l0gm_edge.core import load
from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.core.hardware import Budgets, HardwareProfile, Runtime
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.verdict import Status

QUICK = Measure(processes=1, blocks=11, runs_per_block=6)


class Net(nn.Module):
    """A table and its mask, with a flag that changes what comes back."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, width), nn.Linear(width, 3)

    def forward(self, x: Tensor, mask: Tensor | None = None, as_mapping: bool = False) -> Any:
        hidden = self.body(x if mask is None else x * mask).relu()
        logits = self.head(hidden)
        return {"hidden": hidden, "logits": logits} if as_mapping else logits


def profile(runtime: str = "onnxruntime", schemes: Sequence[str] = ("fp32",), **budgets: float) -> HardwareProfile:
    return HardwareProfile(
        name="bench",
        title="A bench",
        runtimes=(Runtime(name=runtime, schemes=tuple(schemes)),),
        budgets=Budgets(**budgets),
    )


X = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
MASK = torch.ones(20, 6)


def test_the_bundle_holds_what_torch_gives_and_verifies(tmp_path: Path) -> None:
    model = Net().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    built = l0gm_edge.build(
        model, (X, MASK, True), profile(), out=tmp_path / "b", labels=("red", "green", "blue"), measure=QUICK
    )
    manifest = read(tmp_path / "b")
    assert (manifest.name, manifest.recipe, manifest.labels) == ("Net", None, ("red", "green", "blue"))
    assert [spec.name for spec in manifest.models[0].inputs] == ["x", "mask"]
    expected = np.load(tmp_path / "b" / manifest.models[0].expected)
    with torch.no_grad():
        assert np.allclose(expected, model(X[:8]).numpy(), atol=1e-5)
    assert {verdict.status for verdict in verify(tmp_path / "b").verdicts} == {Status.PASS}
    assert built.bundle_sha256 == manifest.bundle_sha256
    assert built.files[0].p50_ms
    assert built.passed
    # the model is as it was
    assert model.training
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_schemes_that_need_ranges_wait_for_calibration_inputs(tmp_path: Path) -> None:
    schemes = ("fp32", "dynamic_int8", "static_int8")
    given = {"out": tmp_path / "b", "measure": QUICK}
    without = l0gm_edge.build(Net(), X, profile(schemes=schemes), **given)
    assert [file.artifact.scheme for file in without.files] == ["fp32", "dynamic_int8"]
    assert without.left_out == ("onnxruntime static_int8: give calibration inputs",)
    assert "left out: onnxruntime static_int8" in str(without)
    complete = l0gm_edge.build(Net(), X, profile(schemes=schemes), calibration={"x": X}, name="mine", **given)
    assert [file.artifact.scheme for file in complete.files] == list(schemes)
    assert complete.left_out == ()
    assert read(tmp_path / "b").name == "mine"  # in the older bundle's place


def test_mixed_layers_are_timed_and_become_a_file_or_are_left_out_with_the_reason(tmp_path: Path) -> None:
    built = l0gm_edge.build(
        Net(), X, profile(schemes=("fp32", "mixed_int8")), calibration={"x": X}, out=tmp_path / "b", measure=QUICK
    )
    made = [file.artifact for file in built.files if file.artifact.scheme == "mixed_int8"]
    assert len(made) + len(built.left_out) == 1
    if made:  # this machine decides
        assert "by what each takes on the device" in made[0].notes[0]
        assert made[0].notes[0] in str(built)
    else:
        assert built.left_out[0].startswith("onnxruntime mixed_int8: no choice of layers ")


def test_a_reference_is_timed_beside_it_and_budgets_are_told_but_do_not_keep_it_from_shipping(tmp_path: Path) -> None:
    built = l0gm_edge.build(Net(8), X, profile(p50_ms=1e-6), out=tmp_path / "b", reference=Net(2000), measure=QUICK)
    assert [file.artifact.role for file in built.files] == ["compressed"]
    assert built.files[0].p50_ratio_to_reference is not None
    assert built.files[0].chosen
    assert not built.passed
    assert "FAIL compressed-onnxruntime-fp32: latency_p50" in str(built)
    assert (tmp_path / "b" / "manifest.json").is_file()


class Deciding(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x) if x.sum() > 0 else self.body(-x))


class Sequences(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)[:, :, None]


class ByPosition(Net):
    def forward(self, *xs: Tensor) -> Tensor:
        return self.head(self.body(xs[0]))


@pytest.mark.parametrize(
    ("model", "example", "kind", "words"),
    [
        (Deciding(), X, ExportFailed, "Deciding cannot be exported"),
        (Sequences(), X, RefusedInput, "gives torch.float32 of shape (20, 12, 1) for 20 rows"),
        (ByPosition(), X, RefusedInput, "'xs' of the model can only be given by position"),
        (Net(), {"y": X}, RefusedInput, "the example inputs do not fit the model"),
        (Net(), X.double(), RefusedInput, "input 'x' is torch.float64"),
        (Net(), (X, MASK[:3]), RefusedInput, "inputs of x (20, 6), mask (3, 6)"),
        (Net(), X[:0], RefusedInput, "input 'x' is torch.float32 of shape (0, 6)"),
    ],
)
def test_what_cannot_be_built_is_told(
    model: nn.Module, example: Any, kind: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        l0gm_edge.build(model, example, profile(), out=tmp_path / "b", measure=QUICK)
    assert words in str(caught.value)
    assert not (tmp_path / "b").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(RefusedInput, match="something that is no bundle is there"):
        l0gm_edge.build(Net(), X, profile(), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_an_unknown_scheme_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="no scheme 'int3'"):
        l0gm_edge.build(Net(), X, profile(schemes=("int3",)), out=tmp_path / "b")


def test_what_ships_is_held_against_outputs_which_a_native_runner_does_not_give(tmp_path: Path) -> None:
    phone = load.hardware(str(native_profiles.write(tmp_path)))
    with pytest.raises(RefusedInput, match="held against outputs, needs what Python on the device gives"):
        l0gm_edge.build(Net(), (X,), phone, out=tmp_path / "b", measure=QUICK)
    assert not (tmp_path / "b").exists()
