"""Writing a bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.bundle import integrity
from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import Contents, write
from l0gm_edge.core.dataset import Normalization
from l0gm_edge.core.errors import DataError, IntegrityError, RefusedInput
from l0gm_edge.core.verdict import Status


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_intact_and_complete(bundle: Path) -> None:
    manifest = integrity.read(bundle)
    integrity.require_intact(bundle, manifest)
    assert set(tree(bundle)) == {"manifest.json", *manifest.files, *manifest.reports}
    assert {"consume.py", "samples/inputs.npz", "models/compressed-onnxruntime-fp32.onnx"} <= set(manifest.files)
    assert (manifest.labels, manifest.models[0].temperature) == (("cat", "dog", "fish"), 1.5)


def test_the_same_contents_give_the_same_bytes(contents: Contents, bundle: Path, tmp_path: Path) -> None:
    write(contents, tmp_path / "again")
    assert tree(bundle) == tree(tmp_path / "again")


def test_what_an_engine_is_built_from_goes_along(contents: Contents, tmp_path: Path) -> None:
    """A device that gets the bundle builds as it was compiled, and verify says where to run it."""
    shipped = contents.models[0]
    source = tmp_path / "made.trt.onnx"
    source.write_bytes(shipped.source.read_bytes())
    artifact = shipped.artifact.model_copy(update={"runtime": "tensorrt", "name": "small"})
    for ending in (".json", ".npz"):
        source.with_suffix(ending).write_text(ending)
    write(replace(contents, models=(replace(shipped, artifact=artifact, source=source),)), tmp_path / "bundle")
    written = tree(tmp_path / "bundle")
    assert (written["models/small.json"], written["models/small.npz"]) == (b".json", b".npz")
    assert {"models/small.json", "models/small.npz"} <= set(integrity.read(tmp_path / "bundle").files)
    (verdict,) = verify(tmp_path / "bundle").verdicts
    assert verdict.status is Status.INCONCLUSIVE
    assert "its engine is built on the device" in verdict.reason


def test_reports_do_not_change_the_digest_and_models_do(contents: Contents, bundle: Path, tmp_path: Path) -> None:
    digest = integrity.read(bundle).bundle_sha256
    slower = replace(contents, reports={"report.md": "# Slower today\n"})
    assert write(slower, tmp_path / "slower").bundle_sha256 == digest
    other = replace(contents, models=(replace(contents.models[0], temperature=1.6),))
    assert write(other, tmp_path / "other").bundle_sha256 != digest


def test_what_a_killed_writer_left_is_cleared(contents: Contents, tmp_path: Path) -> None:
    left_over = tmp_path / "bundle" / "models" / ".x.onnx.123.tmp"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("half")
    manifest = write(contents, tmp_path / "bundle")
    integrity.require_intact(tmp_path / "bundle", manifest)


def test_nothing_chosen_is_nothing_shipped(contents: Contents, tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="no artifact was chosen"):
        write(replace(contents, models=()), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    "samples",
    [
        {"image": np.zeros((4, 6), np.float32)},
        {"image": np.zeros((5, 7), np.float32)},
        {"audio": np.zeros((5, 6), np.float32)},
    ],
)
def test_samples_that_do_not_fit_are_refused(
    contents: Contents, samples: dict[str, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(DataError):
        write(replace(contents, samples=samples), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_normalization_of_no_input_is_refused(contents: Contents, tmp_path: Path) -> None:
    made = {"audio": Normalization(mean=(0.0,), std=(1.0,))}
    with pytest.raises(DataError, match="a normalization for audio"):
        write(replace(contents, normalization=made), tmp_path / "bundle")


def test_a_model_file_that_is_not_the_recorded_one_is_refused(contents: Contents, tmp_path: Path) -> None:
    contents.models[0].source.write_bytes(b"another")
    with pytest.raises(IntegrityError):
        write(contents, tmp_path / "bundle")
    assert not (tmp_path / "bundle" / "manifest.json").exists()
