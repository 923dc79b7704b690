"""`mixed_int8` is the fastest choice of layers that keeps the limits, timed on the device; or there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_graphs import rows, stack

from l0gm_edge.backends import LayerCost, onnxruntime
from l0gm_edge.compile import build
from l0gm_edge.core import store
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.hardware import Execution, HardwareProfile, Runtime
from l0gm_edge.core.measurement import Block
from l0gm_edge.core.recipe import Measure, Quantize
from l0gm_edge.measure import tasks
from l0gm_edge.pipeline import mixing

RUNTIME = Runtime(name="onnxruntime", schemes=("fp32", "mixed_int8"))
HARDWARE = HardwareProfile(name="bench", title="A bench", runtimes=(RUNTIME,))
SETTINGS = Quantize(ranges="min_max", subset_size=8)
FLOAT_NS = 1_000_000


def setting(lost: Callable[[np.ndarray], str | None] = lambda _: None, **profile: object) -> mixing.Setting:
    hardware = HARDWARE.model_copy(update=profile)
    return mixing.Setting(hardware, Measure(processes=1, blocks=2, runs_per_block=2), rows(), lost)


def plain(folder: Path) -> Artifact:
    source = stack(folder / "compressed-onnxruntime-fp32.onnx", sensitive=2)
    return build.described(source, Role.COMPRESSED, RUNTIME, "fp32", source, "1" * 64)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """How many times the fp32 file's latency the device takes for a file, by the start of its name; else 0.5.

    Every layer takes half the time in int8, so that all are chosen which bring little noise.
    """
    ratios: dict[str, float] = {}
    real = tasks.time_interleaved

    def scaled(*given: object) -> dict[str, tasks.Timing]:
        found = real(*given)  # type: ignore[arg-type]
        return {name: said(timing, ratio(name)) for name, timing in found.items()}

    def ratio(name: str) -> float:
        return 1.0 if name == "float" else next((ratios[key] for key in ratios if name.startswith(key)), 0.5)

    def said(timing: tasks.Timing, factor: float) -> tasks.Timing:
        blocks = tuple(
            Block(process=one.process, round=one.round, latencies_ns=(round(FLOAT_NS * factor),))
            for one in timing.blocks
        )
        return tasks.Timing(blocks, timing.warmup_runs)

    def halved(source: Path, ran: Path, times: object) -> dict[str, LayerCost]:
        return {f"layer {number}": LayerCost(ns=1 if ran.name == "static.ran" else 2) for number in range(4)}

    monkeypatch.setattr(tasks, "time_interleaved", scaled)
    monkeypatch.setattr(onnxruntime, "costs", halved)
    return ratios


def test_the_fastest_that_keeps_the_limits_is_the_file(tmp_path: Path, timed: dict[str, float]) -> None:
    timed.update({"static": 0.4})
    answers: list[np.ndarray] = []

    def lost(found: np.ndarray) -> str | None:
        answers.append(found)
        return "it is too far off" if len(answers) == 1 else None

    source, output = plain(tmp_path), tmp_path / "out.onnx"
    found = mixing.mix(tmp_path / source.path, RUNTIME, rows(), SETTINGS, setting(lost), output)
    assert found is not None
    static, first = found.trials
    assert (static.name, static.ratio, static.lost) == ("static", 0.4, "it is too far off")
    assert set(static.forms) == {f"layer {number}" for number in range(4)}
    assert {one.shape for one in answers} == {(40, 200)}
    assert set(first.forms) == {"layer 0", "layer 3"}, "less the sensitive ones"
    assert found.chosen == first.name
    assert found.said.startswith("of 4 layers 2 static in int8, by what each takes on the device (fastest-")
    assert found.said.endswith(": 0.50x the time of fp32 when it was chosen; in float stay layer 1, layer 2")
    assert output.is_file()


def test_what_is_chosen_becomes_an_artifact_that_tells_how(tmp_path: Path, timed: dict[str, float]) -> None:
    artifact = plain(tmp_path)
    (made,), dropped = mixing.complete([artifact], tmp_path, HARDWARE, rows(), SETTINGS, setting())
    assert dropped == ()
    assert (made.name, made.scheme) == ("compressed-onnxruntime-mixed_int8", "mixed_int8")
    assert made.parent_sha256 == artifact.sha256
    assert made.calibration_sha256 is not None
    assert "DequantizeLinear" in made.ops
    assert made.notes[0].startswith("of 4 layers ")


@pytest.mark.parametrize(
    ("ratio", "lost", "words"),
    [
        (1.07, None, "no choice of layers is faster than fp32 (1.07x at best, of "),
        (0.5, "it loses 3 points", "no choice of layers keeps the limits: static (0.50x fp32): it loses 3 points"),
    ],
)
def test_when_none_is_the_scheme_is_dropped_with_the_reason(
    ratio: float, lost: str | None, words: str, tmp_path: Path, timed: dict[str, float]
) -> None:
    timed.update({"": ratio})
    made, dropped = mixing.complete([plain(tmp_path)], tmp_path, HARDWARE, rows(), SETTINGS, setting(lambda _: lost))
    assert made == ()
    assert len(dropped) == 1
    assert dropped[0].startswith(f"onnxruntime mixed_int8: {words}")
    assert not (tmp_path / "compressed-onnxruntime-mixed_int8.onnx").exists()
    tried = store.read_value(mixing.Mix, tmp_path / "compressed-onnxruntime-mixed_int8.json")
    assert {(one.ratio, one.lost) for one in tried.trials} == {(ratio, lost)}


def test_off_real_hardware_layers_are_chosen_by_noise_and_size(tmp_path: Path) -> None:
    emulated = setting(execution=Execution.EMULATED)
    (made,), dropped = mixing.complete([plain(tmp_path)], tmp_path, HARDWARE, rows(), SETTINGS, emulated)
    assert dropped == ()
    assert made.notes == (mixing.UNTIMED,)
    onnxruntime.quantize(
        tmp_path / "compressed-onnxruntime-fp32.onnx", "mixed_int8", rows(), SETTINGS, tmp_path / "by-size.onnx"
    )
    assert (tmp_path / made.path).read_bytes() == (tmp_path / "by-size.onnx").read_bytes()


def test_without_the_scheme_or_a_float_file_nothing_is_done(tmp_path: Path) -> None:
    artifact = plain(tmp_path)
    other = mixing.without(HARDWARE)
    assert other.runtimes[0].schemes == ("fp32",)
    assert mixing.complete([artifact], tmp_path, other, rows(), SETTINGS, setting()) == ((), ())
    assert mixing.complete([], tmp_path, HARDWARE, rows(), SETTINGS, setting()) == ((), ())


def test_what_the_runtime_cannot_be_told_is_a_reason_to_drop_it(tmp_path: Path) -> None:
    artifact = plain(tmp_path)
    model = onnx.load(tmp_path / artifact.path)
    for node in model.graph.node:
        node.op_type = "Relu" if node.op_type == "MatMul" else node.op_type
        del node.input[1:]
    del model.graph.initializer[:]
    onnx.save(model, tmp_path / artifact.path)
    made, dropped = mixing.complete([artifact], tmp_path, HARDWARE, rows(), SETTINGS, setting())
    assert made == ()
    assert "no layer" in dropped[0]
