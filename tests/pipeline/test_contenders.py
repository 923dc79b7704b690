"""What `compare` may be given, and what it makes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tiny_models
from synthetic import hardware
from tiny_bundles import write_bundle

from l0gm_edge.core.comparison import Scores
from l0gm_edge.core.errors import IntegrityError, RefusedInput
from l0gm_edge.pipeline.contenders import opened, paired


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first revision, `v1`, has another model and bundle than its work tree."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    tiny_models.write_onnx(root / "m.onnx")
    write_bundle(root / "bundles", "onnxruntime", accuracy=0.9)
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    git(root, "tag", "v1")
    tiny_models.write_onnx(root / "m.onnx", outputs=2)
    monkeypatch.chdir(root)
    return root


def test_a_file(tmp_path: Path) -> None:
    path = tiny_models.write_onnx(tmp_path / "m.onnx")
    with opened(str(path), hardware()) as (found,):
        made = found.contender
        assert (made.name, made.runtime, made.size_bytes, made.scores) == (
            "m",
            "onnxruntime",
            path.stat().st_size,
            None,
        )
        assert (found.path, found.samples) == (path, None)


@pytest.mark.parametrize("inside", ["", "bundle"])
def test_a_bundle_and_the_run_that_holds_it(tmp_path: Path, inside: str) -> None:
    (tmp_path / "run").mkdir()
    write_bundle(tmp_path / "run" / inside if inside else tmp_path / "b", "onnxruntime", "tflite", accuracy=0.9)
    with opened(str(tmp_path / ("run" if inside else "b")), hardware()) as found:
        assert [one.contender.runtime for one in found] == ["onnxruntime", "tflite"]
        assert {one.contender.scores for one in found} == {Scores(data="digits", accuracy=0.9, ece=0.02)}
        assert all(one.samples is not None and one.samples.is_file() for one in found)


def test_models_that_the_device_cannot_run_are_left_out(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", "onnxruntime", "tflite")
    poorer = hardware().model_copy(update={"runtimes": hardware().runtimes[1:]})
    with opened(str(folder), poorer) as found:
        assert [one.contender.runtime for one in found] == ["tflite"]
    only = write_bundle(tmp_path / "c", "onnxruntime")
    with pytest.raises(RefusedInput, match="bench cannot run any model"), opened(str(only), poorer):
        pass


def test_a_changed_bundle_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", "onnxruntime")
    model = next((folder / "models").iterdir())
    content = bytearray(model.read_bytes())
    content[20] ^= 1
    model.write_bytes(content)
    with pytest.raises(IntegrityError, match="is not what its manifest says"), opened(str(folder), hardware()):
        pass


def test_a_file_and_a_bundle_of_a_revision(repository: Path) -> None:
    with opened("git:v1:m.onnx", hardware()) as (old,), opened("m.onnx", hardware()) as (new,):
        assert old.contender.sha256 != new.contender.sha256
        assert old.contender.origin == "git:v1:m.onnx"
        kept = old.path
        assert kept.is_file()
    assert not kept.exists()
    with opened("git:HEAD:bundles", hardware()) as (found,):
        assert found.contender.scores is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("git:v9:m.onnx", "git cannot give m.onnx of v9"),
        ("git:v1:absent.onnx", "git cannot give absent.onnx of v1"),
        ("git:--output=/tmp/x:m.onnx", "names no file of a revision"),
        ("git:v1", "names no file of a revision"),
        ("git:v1:", "names no file of a revision"),
        ("absent.onnx", "nothing to compare"),
        (".", "nothing to compare"),
    ],
)
def test_what_names_nothing_is_refused(repository: Path, text: str, told: str) -> None:
    with pytest.raises(RefusedInput, match=told), opened(text, hardware()):
        pass


def test_pointers_and_empty_files_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "p.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", encoding="utf-8")
    (tmp_path / "e.onnx").touch()
    for name, told in (("p", "git-lfs pointer"), ("e", "empty")):
        with pytest.raises(RefusedInput, match=told), opened(str(tmp_path / f"{name}.onnx"), hardware()):
            pass


def test_pairs_are_made_by_runtime(tmp_path: Path) -> None:
    both, one = write_bundle(tmp_path / "b", "onnxruntime", "tflite"), write_bundle(tmp_path / "o", "tflite")
    other = tiny_models.write_onnx(tmp_path / "m.onnx")
    with (
        opened(str(both), hardware()) as many,
        opened(str(one), hardware()) as few,
        opened(str(other), hardware()) as m,
    ):
        pairs, notes = paired(many, few)
        assert [(a.contender.runtime, b.contender.runtime) for a, b in pairs] == [("tflite", "tflite")]
        assert notes == ("onnxruntime: only the baseline has a model for it, so it was not compared",)
        pairs, notes = paired(few, m)
        assert [(a.contender.runtime, b.contender.runtime) for a, b in pairs] == [("tflite", "onnxruntime")]
        assert notes == ()
        three = (*many[:1], *many[:1])
        with pytest.raises(RefusedInput, match="the baseline runs in tflite, the candidate in onnxruntime"):
            paired(few, three)
