"""Killed at any moment, a run goes on and ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_road
from killers import Killed, Killer

from l0gm_edge.core import load, store
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.report import Taught
from l0gm_edge.core.subsets import Subsets
from l0gm_edge.pipeline import STAGES, learning, run_stage

EXACT = ("learn", "prune", "recover", "quantize", "compile")
"""Stages that leave the same bytes whenever they are made; the later ones hold times."""
LEARNING = (
    ".learn.*",
    ".learn.*/.dense.checkpoint",
    ".learn.*/.gated.checkpoint",
    "learn/record.json",
    ".recover.*/.recovery.checkpoint",
    "recover/record.json",
)
REST = (
    ".compile.*/dense-onnxruntime-fp32.onnx",
    ".measure.*",
    "measure/record.json",
    "bundle/manifest.json",
)


def seen(folder: Path, pattern: str) -> Callable[[], bool]:
    return lambda: any(True for _ in folder.glob(pattern))


def files_of(folder: Path, stages: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Digest of every file of these stages."""
    run = store.RunFolder(folder)
    records = {stage: run.record(stage) for stage in stages}
    return {stage: record.files for stage, record in records.items() if record is not None}


@pytest.mark.usefixtures("torch_as_it_was")
def test_training_ended_in_any_phase_goes_on_to_the_same_bytes(
    recipe: Recipe, hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gated course has 12 steps of warm-up and 24 with gates; checkpoints come every 5."""
    monkeypatch.setattr(learning, "rehearse", lambda _: None)  # takes longer than the training
    whole, ended = tmp_path / "whole", tmp_path / "ended"
    begin(recipe, hardware, whole, ended)
    run_stage(whole, "quantize")
    for course, steps in [("dense", 3), ("dense", 31), ("gated", 7), ("gated", 12), ("gated", 28), ("recovery", 13)]:
        with pytest.raises(Killed):
            run_stage(ended, "quantize", progress=Killer(course, steps))
    run_stage(ended, "quantize")
    require_same_learning(ended, whole)


SHARED = (
    "model.fusion=shared",
    "learn.objective=aligned",
    "learn.drop_modalities=0.3",
    "distill.teacher={scale: 2, steps: 30}",
    "distill.relations={at: [encoders.image.interface, encoders.table.interface]}",
)


@pytest.mark.usefixtures("torch_as_it_was")
def test_a_larger_teacher_and_missing_modalities_go_on_to_the_same_bytes(
    files: tuple[Path, Path], hardware: HardwareProfile, tmp_path: Path
) -> None:
    whole, ended = tmp_path / "whole", tmp_path / "ended"
    begin(load.recipe(str(files[0]), list(SHARED)), hardware, whole, ended)
    run_stage(whole, "quantize")
    for course, steps in [("teacher", 13), ("gated", 28), ("recovery", 13)]:
        with pytest.raises(Killed):
            run_stage(ended, "quantize", progress=Killer(course, steps))
    run_stage(ended, "quantize")
    require_same_learning(ended, whole)
    taught = store.read_value(Taught, whole / "learn" / "teacher.json")
    given = store.read_value(Subsets, whole / "recover" / "subsets.json")
    dense, wide = ((whole / "learn" / f"{name}.safetensors").stat().st_size for name in ("dense", "teacher"))
    assert (taught.scale, wide > 1.5 * dense) == (2, True)
    assert taught.accuracy > 0.2
    assert [one.modalities for one in given.given] == [("image",), ("table",), ("image", "table")]


@pytest.mark.long
def test_learning_killed_at_its_landmarks_ends_in_the_same_bytes(
    recipe: Recipe, hardware: HardwareProfile, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begin(recipe, hardware, whole, killed)
    for landmark in LEARNING:
        process = tiny_road.process(killed, "quantize")
        process.start()
        assert tiny_road.wait_until(seen(killed, landmark), process.is_alive), landmark
        process.kill()
        process.join()
    for folder in (whole, killed):
        process = tiny_road.process(folder, "quantize")
        process.start()
        process.join()
        assert process.exitcode == 0
    require_same_learning(killed, whole)


def begin(recipe: Recipe, hardware: HardwareProfile, *folders: Path) -> None:
    """Run folders in which nothing is made yet."""
    for folder in folders:
        store.write_value(folder / "recipe.json", recipe)
        store.write_value(folder / "hardware.json", hardware)


def require_same_learning(killed: Path, whole: Path) -> None:
    assert files_of(killed, EXACT[:4]) == files_of(whole, EXACT[:4])
    assert list(files_of(whole, EXACT[:4])) == list(EXACT[:4])
    assert sorted(path.name for path in killed.iterdir()) == sorted(path.name for path in whole.iterdir())


def start(files: tuple[Path, Path], folder: Path) -> subprocess.Popen[bytes]:
    command = tiny_road.command(files, folder)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish(files: tuple[Path, Path], folder: Path) -> None:
    done = subprocess.run([*tiny_road.command(files, folder), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def manifest_of(folder: Path) -> dict[str, object]:
    """The bundle's manifest, less its reports, which hold times."""
    manifest = json.loads((folder / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["bundle_sha256"]) == 64
    return {key: value for key, value in manifest.items() if key != "reports"}


def at_work_in(folder: Path) -> list[str]:
    """Command lines, of any process, that mention a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if str(folder) in words:
            found.append(words)
    return found


def require_same(killed: Path, whole: Path) -> None:
    assert files_of(killed, EXACT) == files_of(whole, EXACT)
    assert list(files_of(killed, STAGES)) == list(STAGES)
    assert manifest_of(killed) == manifest_of(whole)
    assert sorted(path.name for path in killed.iterdir()) == sorted(path.name for path in whole.iterdir())
    inside = [path.relative_to(killed) for path in killed.rglob("*") if path.is_file()]
    assert sorted(inside) == sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_run_killed_at_every_landmark_ends_in_the_same_bundle(files: tuple[Path, Path], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(files, whole)
    for landmark in REST:
        with start(files, killed) as process:
            happened = tiny_road.wait_until(seen(killed, landmark), lambda: process.poll() is None)
            assert happened, landmark
            process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while at_work_in(killed) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert at_work_in(killed) == [], f"outlived the kill at {landmark}"
    finish(files, killed)
    require_same(killed, whole)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_run_killed_at_random_moments_ends_in_the_same_bundle(tmp_path: Path) -> None:
    files = tiny_road.write(tmp_path, "onnxruntime", "tflite")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    began = time.monotonic()
    finish(files, whole)
    seconds = time.monotonic() - began
    draw = random.Random(0)
    for _ in range(3):
        with start(files, killed) as process:
            time.sleep(draw.uniform(0, 0.6 * seconds))
            process.send_signal(signal.SIGKILL)
    finish(files, killed)
    require_same(killed, whole)
