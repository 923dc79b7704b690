"""What a person can get wrong, or a machine can lack: one message, an exit status, and nothing half-written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_road
from click.testing import Result
from torch import Tensor, nn

from l0gm_edge.core import environment, store
from l0gm_edge.core import recipe as recipes
from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.data import digits
from l0gm_edge.models.encoders import Encoder, tabular

Run = Callable[..., Result]


def left(folder: Path) -> list[str]:
    """What lies in a run folder, the lock aside."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock") if folder.is_dir() else []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "learn.stepz=3"], ["learn.stepz: unknown key", "did you mean 'steps'?", "tiny.yaml"]),
        (["--set", "gates.target={parameters: 20}"], ["the target of 20 parameters cannot be reached", "or more"]),
        (["--set", "gates.target={active_fraction: 0.01}"], ["cannot be reached", "gates.min_units"]),
        (
            ["--set", "gates.target={parameters: 9999999}"],
            ["asks for 9,999,999 parameters, but the whole model has", "at most"],
        ),
        (["--set", "data.name=adult", "--data-dir", "nowhere"], ["needs adult_train.csv.gz", "data fetch adult"]),
        (["--set", "model.encoders={image: {encoder: image, widths: [8], out: 8}}"], ["found image", "image, table"]),
        (["--set", "model.encoders.image.encoder=tabular"], ["encoder"]),
        (["--set", "prune.experts={keep: 4}"], ["prune.experts.keep (4) cannot exceed the experts there are (3)"]),
        (["--set", "moe={experts: 4, top_k: 3}", "--set", "prune.experts={keep: 2}"], ["must be top_k (3) or more"]),
        (["--set", "moe.experts=1", "--set", "moe.top_k=1", "--set", "prune.experts={keep: 1}"], ["one expert, so"]),
        (["--set", "prune.experts={keep: 2, by: reab}"], ["found 'reab'; did you mean 'reap'?"]),
        (["--set", "prune.experts={keep: 2}", "--set", "gates.target={p50_ms: 1}"], ["latency is timed before it"]),
        (["--set", "prune.experts={keep: 2}", "--set", "gates.sites=[experts]"], ["experts alone", "by: gate"]),
        (["--set", "prune.experts={keep: 2, by: gate}", "--set", "gates.sites=[hidden]"], ["needs gates on experts"]),
        (
            ["--set", "distill.relations={at: [encoders.image.interface, encoders.table.interface]}"],
            ["units from one of these modules and not from the other", "model.fusion: shared"],
        ),
        (
            ["--set", "model.fusion=shared", "--set", "model.encoders.image.out=9"],
            ["`out` is 9, 8", "the same `out` for every encoder"],
        ),
        (
            ["--set", "moe.experts=9", "--set", "prune.experts={keep: 2, by: enumerate}"],
            ["'enumerate' of 9 experts", "at most 8"],
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    options: list[str], words: list[str], run: Run, out: Path
) -> None:
    result = run(*options)
    assert result.exit_code == 2, result.output
    assert [word for word in words if word not in result.stderr] == [], result.stderr
    assert result.stdout == ""
    assert left(out) == []


def test_a_bundle_that_could_not_be_written_is_refused_before_anything_is_made(
    run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = environment.find_spec
    monkeypatch.setattr(environment, "find_spec", lambda name: None if name == "cyclonedx" else found(name))
    result = run()
    assert result.exit_code == 2, result.output
    assert "pip install 'l0gm-edge[bundle]'" in result.stderr
    assert left(out) == []


def test_a_scheme_that_a_runtime_does_not_have_is_refused_before_anything_is_made(
    run: Run, files: tuple[Path, Path], out: Path
) -> None:
    files[1].write_text(tiny_road.profile("onnxruntime").replace("fp32", "static_int9"), encoding="utf-8")
    result = run()
    assert result.exit_code == 2
    assert "onnxruntime has no scheme 'static_int9'; did you mean 'static_int8'?" in result.stderr
    assert left(out) == []


def test_a_device_that_does_not_answer_is_told_before_anything_is_made(
    run: Run, files: tuple[Path, Path], out: Path, tmp_path: Path
) -> None:
    pytest.importorskip("asyncssh", reason="asyncssh is not installed (pip install 'l0gm-edge[ssh]')")
    (tmp_path / "known_hosts").touch()
    way = f"transport: {{kind: ssh, address: 127.0.0.1, port: 1, known_hosts: {tmp_path / 'known_hosts'}}}\n"
    files[1].write_text(tiny_road.profile("onnxruntime") + way, encoding="utf-8")
    result = run()
    assert result.exit_code == 4
    assert "the device cannot be reached" in result.stderr
    assert left(out) == []


def test_an_unknown_way_to_find_ranges_is_refused_before_any_work(run: Run, out: Path) -> None:
    result = run("--set", "quantize.ranges=percentil")
    assert result.exit_code == 2
    assert "there is no ranges named 'percentil'; did you mean 'percentile'?" in result.stderr
    assert left(out) == []


def test_a_loss_that_explodes_is_told_and_leaves_no_stage(run: Run, out: Path) -> None:
    result = run("--set", "learn.lr=1e9")
    assert result.exit_code == 2
    assert "the loss became" in result.stderr
    assert "lower learn.lr (now 1e+09)" in result.stderr
    assert [name for name in left(out) if not name.startswith(".learn.")] == ["hardware.json", "recipe.json"]


def with_split(data: Dataset, name: str, inputs: Mapping[str, np.ndarray]) -> Dataset:
    return replace(data, **{name: Split(inputs, getattr(data, name).labels)})


def without_calibration(data: Dataset) -> Dataset:
    return replace(data, calibration=data.calibration.take(slice(0, 0)))


def without_a_modality(data: Dataset) -> Dataset:
    return with_split(data, "test", {"image": data.test.inputs["image"]})


def of_another_shape(data: Dataset) -> Dataset:
    return with_split(data, "train", {**data.train.inputs, "table": data.train.inputs["table"][:, :5]})


def with_nan(data: Dataset) -> Dataset:
    spoilt = data.validation.inputs["image"].copy()
    spoilt[3, 0, 2, 2] = np.nan
    return with_split(data, "validation", {**data.validation.inputs, "image": spoilt})


def with_a_foreign_label(data: Dataset) -> Dataset:
    return replace(data, train=Split(data.train.inputs, data.train.labels + 1))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_calibration, "split calibration"),
        (without_a_modality, "modalities ['image'] found where ['image', 'table'] were promised"),
        (of_another_shape, "modality table has shape"),
        (with_nan, "modality image holds NaN or infinity"),
        (with_a_foreign_label, "labels are out of range"),
    ],
)
def test_data_that_is_not_what_it_should_be(
    spoil: Callable[[Dataset], Dataset], words: str, run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = digits.load(Path())
    monkeypatch.setattr(digits, "load", lambda _: spoil(sound))
    result = run()
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert left(out) == []


class Undecided(Encoder):
    """Looks at a value to decide what to compute, which no graph can hold."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(10, 12)
        self.interface = nn.Linear(12, out)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.hidden(x).relu()
        if hidden.sum() > 0:
            hidden = hidden * 2
        out: Tensor = self.interface(hidden)
        return out


def test_a_model_that_cannot_be_exported_is_named_before_it_is_trained(
    run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(config: recipes.Encoder, shape: tuple[int, ...]) -> Encoder:
        return Undecided(config.out)

    monkeypatch.setattr(tabular, "build", build)
    result = run()
    assert result.exit_code == 4, result.output
    assert "LateFusion cannot be exported" in result.stderr
    assert Path(__file__).name in result.stderr
    assert "torch.where" in result.stderr
    assert left(out) == []


@pytest.mark.parametrize(
    ("package", "runtime", "todo"),
    [
        ("torch", "onnxruntime", "pip install 'l0gm-edge[torch]'"),
        ("onnxruntime", "onnxruntime", "pip install 'l0gm-edge[onnx]'"),
        ("onnxscript", "onnxruntime", "pip install 'l0gm-edge[onnx]'"),
        ("litert_torch", "tflite", "pip install 'l0gm-edge[tflite]'"),
        ("ai_edge_quantizer", "tflite", "pip install 'l0gm-edge[tflite]'"),
    ],
)
def test_a_missing_extra_is_told_before_anything_is_made(
    package: str, runtime: str, todo: str, tmp_path: Path, out: Path
) -> None:
    code = "import sys; sys.modules[sys.argv[1]] = None; from l0gm_edge.cli.main import main; main(sys.argv[2:])"
    arguments = tiny_road.command(tiny_road.write(tmp_path, runtime), out)[3:]
    command = [sys.executable, "-c", code, package, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert f"'{package}', which is not installed" in done.stderr
    assert todo in done.stderr
    assert left(out) == []


def test_a_second_run_in_the_same_folder_is_refused(run: Run, out: Path) -> None:
    with store.RunFolder(out).exclusive():
        result = run()
    assert result.exit_code == 2
    assert "another run is at work in this folder" in result.stderr
    assert left(out) == []


@pytest.mark.parametrize("writes", [0, 2, 3, 6, 9])
def test_a_disk_that_fills_up_costs_no_finished_stage(
    writes: int, run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after this many files were flushed to it."""
    sync, room = os.fsync, [writes]

    def full(handle: int) -> None:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= 1
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    result = run()
    assert result.exit_code == 4, result.output
    assert "cannot write: No space left on device" in result.stderr
    assert "free some space" in result.stderr
    assert not list(out.rglob(f".*{store.TEMPORARY}"))
    folder = store.RunFolder(out)
    assert all(folder.record(name) for name in left(out) if not name.startswith(".") and "." not in name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
@pytest.mark.parametrize("size", ["8k", "64k", "160k"])
def test_a_small_disk_is_told_of_in_one_message(size: str, run: Run, out: Path) -> None:
    out.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(out)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this container may not mount")
    try:
        result = run()
        assert result.exit_code == 4, result.output
        assert "No space left on device" in result.stderr
        assert "unexpected" not in result.stderr
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_ctrl_c_ends_with_130_and_what_to_do(files: tuple[Path, Path], out: Path) -> None:
    command = [*tiny_road.command(files, out), "--set", "learn.steps=100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        learning = tiny_road.wait_until(
            lambda: any(out.glob(".learn.*/.dense.checkpoint")), lambda: process.poll() is None
        )
        assert learning
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr
    assert "run the same command again" in stderr
    assert "Traceback" not in stderr + stdout
