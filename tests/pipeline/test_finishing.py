"""Settings raced for what ships, and its graph optimised ahead, tried on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from hypothesis import given
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from l0gm_edge.backends import onnxruntime
from l0gm_edge.check.choose import TIE
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.finish import Finish, FormKind, Level, Raced
from l0gm_edge.core.hardware import Execution, HardwareProfile, Runtime
from l0gm_edge.core.opening import Settings
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.session import Session
from l0gm_edge.core.store import file_sha256
from l0gm_edge.pipeline.finishing import Chosen, fastest, finish

ROWS = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
TIMED = Measure(processes=1, blocks=10, runs_per_block=2)
NAME = "compressed-onnxruntime-fp32"
OWN = Settings()


def raced(ratio: float, low: float, high: float, threads: int) -> Raced:
    return Raced(settings=Settings(threads=threads), ratio=ratio, interval=(low, high))


timings = st.lists(
    st.tuples(st.floats(0.2, 2), st.floats(0, 0.3)).map(lambda pair: (pair[0], pair[0] - pair[1] / 3, sum(pair))),
    max_size=6,
).map(lambda found: [raced(*one, threads=at + 1) for at, one in enumerate(found)])


@given(timings)
def test_only_a_clear_win_beats_the_profiles_own_and_the_first_of_a_tie_is_taken(found: list[Raced]) -> None:
    best = fastest(found)
    clear = [one for one in found if one.ratio < 1 / TIE and one.interval[1] < 1]
    if not clear:
        assert best == OWN
        return
    taken = next(one for one in found if one.settings == best)
    assert taken in clear
    assert taken.ratio <= min(one.ratio for one in clear) * TIE
    assert all(one.ratio > min(one.ratio for one in clear) * TIE for one in clear[: clear.index(taken)])


def profile(**session: Any) -> HardwareProfile:
    runtime = Runtime(name="onnxruntime", schemes=("fp32",), session=Session(**session))
    return HardwareProfile(name="bench", title="A bench", runtimes=(runtime,))


def finished(folder: Path, hardware: HardwareProfile, expected: np.ndarray | None = None) -> Finish:
    source = tiny_models.write_onnx(folder / "a.onnx")
    artifact = Artifact(
        name=NAME,
        role=Role.COMPRESSED,
        runtime="onnxruntime",
        scheme="fp32",
        path=source.name,
        sha256=file_sha256(source),
        size_bytes=source.stat().st_size,
        inputs=(),
        outputs=(),
        recipe_sha256=None,
        tools={},
        ops={},
    )
    other = artifact.model_copy(update={"name": "compressed-tflite-fp32", "runtime": "tflite"})
    expected = tiny_models.linear(ROWS) if expected is None else expected
    chosen = [Chosen(one, source, expected) for one in (other, artifact)]
    (found,) = finish(hardware, chosen, {"x": ROWS}, TIMED, folder / "forms", Silent())
    return found


def test_settings_are_raced_and_forms_timed_beside_the_file(tmp_path: Path) -> None:
    candidates = (Settings(spinning=False), Settings(arena=False, memory_pattern=False))
    found = finished(tmp_path, profile(race=candidates))
    assert found.artifact == NAME
    assert [one.settings for one in found.raced] == list(candidates)
    assert all(one.interval[0] <= one.ratio <= one.interval[1] for one in found.raced)
    assert found.settings in [one.over(Settings(threads=1)) for one in (OWN, *candidates)]
    assert found.notes == ()
    assert [form.kind for form in found.forms] == list(FormKind)
    for form in found.forms:
        path = tmp_path / "forms" / form.path
        assert (file_sha256(path), path.stat().st_size) == (form.sha256, form.size_bytes)
        assert form.load_ms
        assert form.load_ratio
        assert form.p50_ratio
        assert form.level is Level.EXTENDED
        answers = InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": ROWS[:1]})[0]
        np.testing.assert_allclose(answers, tiny_models.linear(ROWS[:1]), rtol=1e-5)
    told = "\n".join(found.told)
    assert "raced against the profile's own: spinning off" in told
    assert "also as .ort, optimised ahead (extended, " in told
    assert found.forms[1].operators is not None
    assert "Gemm" in (tmp_path / "forms" / found.forms[1].operators).read_text()


def test_off_real_hardware_forms_are_tried_and_nothing_is_timed(tmp_path: Path) -> None:
    emulated = profile(threads=2, race=(Settings(spinning=False),)).model_copy(update={"execution": Execution.EMULATED})
    found = finished(tmp_path, emulated)
    assert found.settings == Settings(threads=2)
    assert (found.raced, len(found.notes)) == ((), 1)
    assert "settings were not raced" in found.notes[0]
    assert [(form.load_ms, form.load_ratio, form.p50_ratio) for form in found.forms] == [(None, None, None)] * 2


def test_a_form_that_answers_otherwise_or_does_not_run_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def optimize(*_: object, as_onnx: Path, as_ort: Path, operators: Path, **__: object) -> None:
        tiny_models.write_lookup(as_onnx, "int64")
        as_ort.write_bytes(b"no model")
        operators.write_text("")

    monkeypatch.setattr(onnxruntime, "optimize", optimize)
    found = finished(tmp_path, profile())
    assert found.forms == ()
    assert [note.partition(":")[0] for note in found.notes] == ["not shipped as .onnx", "not shipped as .ort"]


def test_outputs_that_are_off_keep_a_form_from_shipping(tmp_path: Path) -> None:
    found = finished(tmp_path, profile(), tiny_models.linear(ROWS) * 1.1)
    assert found.forms == ()
    assert all("outputs differ by " in note for note in found.notes)


def test_without_an_optimiser_the_file_ships_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def optimize(*_: object, **__: object) -> None:
        raise ExportFailed("it gave up")

    monkeypatch.setattr(onnxruntime, "optimize", optimize)
    found = finished(tmp_path, profile())
    assert (found.forms, found.notes) == ((), ("no forms optimised ahead: it gave up",))
