"""`verify` on a bundle of real models: whichever file and byte, nothing that was changed passes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import bundles
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.bundle.manifest import Model
from l0gm_edge.bundle.replay import replay
from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import write
from l0gm_edge.core.errors import IntegrityError
from l0gm_edge.core.verdict import Status

pytestmark = pytest.mark.slow
tampering = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MODELS = [(runtime, scheme) for runtime in bundles.RUNTIMES for scheme in ("fp32", "static_int8")]
data = given(data=st.data())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "original"
    contents = bundles.contents([bundles.shipped(*model) for model in MODELS])
    write(replace(contents, reports={"report.md": "# Fine\n"}), folder)
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return shutil.copytree(original, tmp_path / "copy")


ANSWERS: dict[bytes, np.ndarray] = {}


def run(folder: Path, model: Model) -> np.ndarray:
    """What the model's runtime gives, asked once for the same file."""
    content = (folder / model.path).read_bytes()
    if content not in ANSWERS:
        ANSWERS[content] = replay(folder, model)
    return ANSWERS[content]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_untouched_it_passes_in_every_runtime(original: Path) -> None:
    assert [verdict.status for verdict in verify(original, run).verdicts] == [Status.PASS] * len(MODELS)


@tampering
@data
def test_no_changed_byte_passes(copy: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(files(copy)), label="file")
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1), label="byte")
    other = data.draw(st.integers(0, 255).filter(lambda value: value != content[at]), label="value")
    try:
        path.write_bytes(content[:at] + bytes([other]) + content[at + 1 :])
        with pytest.raises(IntegrityError):
            verify(copy, run)
    finally:
        path.write_bytes(content)


@tampering
@data
def test_no_two_files_change_places(copy: Path, data: st.DataObject) -> None:
    one, two = data.draw(st.lists(st.sampled_from(files(copy)), min_size=2, max_size=2, unique=True), label="files")
    first, second = one.read_bytes(), two.read_bytes()
    try:
        one.write_bytes(second)
        two.write_bytes(first)
        if first == second:
            verify(copy, run)
        else:
            with pytest.raises(IntegrityError):
                verify(copy, run)
    finally:
        one.write_bytes(first)
        two.write_bytes(second)


@tampering
@data
def test_no_file_goes_or_comes_unseen(copy: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in files(copy) if path.name != "manifest.json"]), label="file")
    content = path.read_bytes()
    beside = path.with_name(data.draw(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,4})?", fullmatch=True), label="name"))
    try:
        path.unlink()
        with pytest.raises(IntegrityError, match="is missing"):
            verify(copy, run)
        path.write_bytes(content)
        if not beside.exists() and beside.name != "record.json":
            beside.write_bytes(b"")
            with pytest.raises(IntegrityError, match="does not belong"):
                verify(copy, run)
            beside.unlink()
    finally:
        path.write_bytes(content)


@tampering
@data
def test_no_wrong_sample_output_passes_even_when_it_was_packed_so(
    original: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The digests of such a bundle are right: only running it tells."""
    at = data.draw(st.integers(0, len(MODELS) - 1), label="model")
    models = [bundles.shipped(*model) for model in MODELS]
    expected = models[at].expected.copy()
    row, column = (data.draw(st.integers(0, size - 1), label="place") for size in expected.shape)
    off = data.draw(st.floats(0.12, 1e3) | st.just(float("nan")), label="off")  # int8 may be 5 % away, and is a little
    expected[row, column] += np.float32(off * np.abs(expected).max())
    models[at] = replace(models[at], expected=expected)
    folder = tmp_path_factory.mktemp("wrong")
    write(bundles.contents(models), folder)
    statuses = [verdict.status for verdict in verify(folder, run).verdicts]
    assert statuses == [Status.FAIL if index == at else Status.PASS for index in range(len(MODELS))]
