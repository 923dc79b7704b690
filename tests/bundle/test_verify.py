"""Running a bundle's samples."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.bundle import write as writing
from l0gm_edge.bundle.manifest import Model
from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import Contents, write
from l0gm_edge.core.errors import IntegrityError, MissingExtra, ToolFailed
from l0gm_edge.core.verdict import Status


def test_a_sound_bundle_passes_in_its_runtime(bundle: Path) -> None:
    found = verify(bundle)
    assert [(verdict.check, verdict.status) for verdict in found.verdicts] == [("samples", Status.PASS)]


def test_expected_outputs_that_the_model_does_not_give_fail(contents: Contents, tmp_path: Path) -> None:
    shipped = contents.models[0]
    off = replace(contents, models=(replace(shipped, expected=shipped.expected * np.float32(1.01)),))
    write(off, tmp_path / "bundle")
    assert verify(tmp_path / "bundle").verdicts[0].status is Status.FAIL


def test_a_file_that_is_no_model_fails_without_taking_us_along(contents: Contents, tmp_path: Path) -> None:
    shipped = contents.models[0]
    shipped.source.write_bytes(b"no model")
    artifact = shipped.artifact.model_copy(update={"sha256": writing.store.file_sha256(shipped.source)})
    write(replace(contents, models=(replace(shipped, artifact=artifact),)), tmp_path / "bundle")
    verdict = verify(tmp_path / "bundle").verdicts[0]
    assert verdict.status is Status.FAIL
    assert "did not run" in verdict.reason


def test_a_runtime_that_nobody_here_has_is_inconclusive(contents: Contents, tmp_path: Path) -> None:
    shipped = contents.models[0]
    artifact = shipped.artifact.model_copy(update={"runtime": "abacus"})
    write(replace(contents, models=(replace(shipped, artifact=artifact),)), tmp_path / "bundle")
    verdict = verify(tmp_path / "bundle").verdicts[0]
    assert verdict.status is Status.INCONCLUSIVE
    assert "abacus" in verdict.reason


@pytest.mark.parametrize(
    ("outputs", "status"),
    [
        (np.zeros((5, 3), np.float32), Status.FAIL),
        (np.zeros((5, 2), np.float32), Status.FAIL),
        (np.full((5, 3), np.nan, np.float32), Status.FAIL),
    ],
)
def test_another_runner_is_judged_alike(bundle: Path, outputs: np.ndarray, status: Status) -> None:
    assert verify(bundle, lambda folder, model: outputs).verdicts[0].status is status


@pytest.mark.parametrize(
    ("error", "status"),
    [(MissingExtra("x", "x", "x"), Status.INCONCLUSIVE), (ToolFailed("it broke"), Status.FAIL)],
)
def test_a_runner_that_cannot_is_not_a_pass(bundle: Path, error: Exception, status: Status) -> None:
    def refuse(folder: Path, model: Model) -> np.ndarray:
        raise error

    assert verify(bundle, refuse).verdicts[0].status is status


def test_nothing_runs_before_the_digests_hold(bundle: Path) -> None:
    (bundle / "report.md").write_text("# Better than it was\n")
    ran: list[str] = []

    def note(folder: Path, model: Model) -> np.ndarray:
        ran.append(model.name)
        return np.zeros((5, 3), np.float32)

    with pytest.raises(IntegrityError, match=r"report\.md"):
        verify(bundle, note)
    assert ran == []


def test_samples_that_could_unpack_to_any_size_are_refused(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bomb(samples: object) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("image.npy", bytes(10**6))
        return buffer.getvalue()

    monkeypatch.setattr(writing.arrays, "packed", bomb)
    write(contents, tmp_path / "bundle")
    with pytest.raises(IntegrityError, match="compressed"):
        verify(tmp_path / "bundle")
