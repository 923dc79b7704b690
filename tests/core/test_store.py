"""The run folder: a stage is whole or absent, reused when nothing changed, made again when anything did."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core import store
from l0gm_edge.core.errors import IntegrityError, RefusedInput, StorageFailed
from l0gm_edge.core.store import RunFolder, StageRecord
from l0gm_edge.core.verdict import Status, Verdict

INPUTS = {"recipe": "a" * 64}


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


def writer(text: str = "whole") -> Callable[[Path], None]:
    def work(folder: Path) -> None:
        (folder / "deep").mkdir(exist_ok=True)
        (folder / "deep" / "model.bin").write_text(text, encoding="utf-8")

    return work


def test_a_stage_is_finished_for_the_inputs_it_was_made_from(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert run.finished("learn", INPUTS) is None
    made = run.make("learn", INPUTS, writer())
    assert list(made.files) == ["deep/model.bin"]
    assert run.finished("learn", INPUTS) == run.record("learn") == made
    assert run.finished("learn", {"recipe": "b" * 64}) is None


def test_nothing_is_written_before_a_stage_is_made(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert run.record("learn") is None
    assert not run.root.exists()


def test_a_stage_made_again_replaces_the_old_one(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    first = run.make("learn", INPUTS, writer("one"))
    second = run.make("learn", {"recipe": "b" * 64}, writer("two"))
    assert second.sha256 != first.sha256
    assert (run.path("learn") / "deep" / "model.bin").read_text(encoding="utf-8") == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learn"]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_tampered_stage_is_told_and_not_finished(tmp_path: Path, damage: str) -> None:
    run = RunFolder(tmp_path)
    made = run.make("learn", INPUTS, writer())
    model = run.path("learn") / "deep" / "model.bin"
    if damage == "changed":
        model.write_text("whale", encoding="utf-8")
    else:
        model.unlink()
    with pytest.raises(IntegrityError, match="changed: its sha256 is" if damage == "changed" else "is missing"):
        run.record("learn")
    assert run.finished("learn", INPUTS) is None
    again = run.make("learn", INPUTS, writer())
    assert again.files == made.files
    assert run.record("learn") == again


def test_a_killed_stage_leaves_nothing_finished_and_goes_on_from_what_it_left(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)

    def killed(folder: Path) -> None:
        (folder / "checkpoint").write_text("step 10", encoding="utf-8")
        raise Killed

    with pytest.raises(Killed):
        run.make("learn", INPUTS, killed)
    assert run.record("learn") is None

    def resumed(folder: Path) -> None:
        assert (folder / "checkpoint").read_text(encoding="utf-8") == "step 10"
        (folder / "checkpoint").unlink()
        writer()(folder)

    record = run.make("learn", INPUTS, resumed)
    assert list(record.files) == ["deep/model.bin"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learn"]


def test_a_write_that_a_kill_cut_short_is_not_part_of_the_stage(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)

    def killed(folder: Path) -> None:
        (folder / ".model.bin.123.tmp").write_text("tor", encoding="utf-8")
        raise Killed

    with pytest.raises(Killed):
        run.make("learn", INPUTS, killed)
    record = run.make("learn", INPUTS, writer())
    assert list(record.files) == ["deep/model.bin"]


def test_intermediate_files_that_a_kill_left_are_not_part_of_the_stage(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)

    def killed(folder: Path) -> None:
        (folder / f".scratch{store.TEMPORARY}" / "deep").mkdir(parents=True)
        (folder / f".scratch{store.TEMPORARY}" / "deep" / f".model{store.TEMPORARY}").touch()
        raise Killed

    with pytest.raises(Killed):
        run.make("learn", INPUTS, killed)
    record = run.make("learn", INPUTS, writer())
    assert list(record.files) == ["deep/model.bin"]
    assert sorted(path.name for path in (tmp_path / "learn").iterdir()) == ["deep", "record.json"]


def test_what_a_killed_stage_left_is_forgotten_when_its_inputs_changed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)

    def killed(folder: Path) -> None:
        (folder / "checkpoint").write_text("of another recipe", encoding="utf-8")
        raise Killed

    with pytest.raises(Killed):
        run.make("learn", INPUTS, killed)
    record = run.make("learn", {"recipe": "b" * 64}, writer())
    assert list(record.files) == ["deep/model.bin"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learn"]


@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("steps_before_the_kill", range(6))
def test_a_kill_between_any_two_steps_on_disk_leaves_a_stage_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps_before_the_kill: int, replacing: bool
) -> None:
    run = RunFolder(tmp_path)
    if replacing:
        run.make("learn", INPUTS, writer("old"))
    new = {"recipe": "b" * 64}
    with monkeypatch.context() as patch:
        left = [steps_before_the_kill]
        for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "mkdir"), (os, "fsync")):
            patch.setattr(owner, name, _counted(getattr(owner, name), left))
        with pytest.raises(Killed):
            make_until_killed(run, new)
    record = run.record("learn")
    held = run.path("learn") / "deep" / "model.bin"
    assert record is None or held.read_text(encoding="utf-8") == ("new" if record.inputs == new else "old")
    final = run.make("learn", new, writer("new"))
    assert held.read_text(encoding="utf-8") == "new"
    assert run.record("learn") == final


def make_until_killed(run: RunFolder, inputs: dict[str, str]) -> None:
    for _ in range(10):  # one make takes a few steps, so the kill always comes
        run.make("learn", inputs, writer("new"))
        run.path("learn").joinpath(store.RECORD).unlink()


def _counted(step: Callable[..., object], left: list[int]) -> Callable[..., object]:
    def counted(*arguments: object, **named: object) -> object:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return step(*arguments, **named)

    return counted


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with run.exclusive(), pytest.raises(RefusedInput, match="another run is at work") as caught, run.exclusive():
        raise AssertionError("held twice")
    assert caught.value.where == str(run.root)
    with run.exclusive():
        run.make("learn", INPUTS, writer())
    assert run.record("learn")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM])
def test_a_full_or_forbidden_disk_is_a_storage_failure_and_leaves_no_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    run = RunFolder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _failing(code))
        with pytest.raises(StorageFailed, match="cannot write") as caught:
            run.make("learn", INPUTS, writer())
    assert caught.value.exit_status == 4
    assert "free some space" in str(caught.value.todo)
    assert run.record("learn") is None
    run.make("learn", INPUTS, writer())
    assert run.record("learn")


def _failing(code: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code), "model.bin")

    return fail


def test_an_error_of_another_kind_keeps_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), store.storage_errors(tmp_path):
        raise IsADirectoryError(errno.EISDIR, "is a directory")


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    store.write_text(path, "old")
    monkeypatch.setattr(Path, "replace", _failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        store.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.json"]


@given(content=st.binary(max_size=2000), flip=st.integers(min_value=0))
def test_a_digest_accepts_the_bytes_it_was_taken_of_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, flip: int
) -> None:
    path = tmp_path_factory.mktemp("digest") / "file"
    store.write_bytes(path, content)
    sha256 = store.file_sha256(path)
    store.require_digest(path, sha256)
    changed = bytearray(content or b"x")
    changed[flip % len(changed)] ^= 1 if content else 0
    store.write_bytes(path, bytes(changed))
    with pytest.raises(IntegrityError):
        store.require_digest(path, sha256)


@given(
    st.builds(
        StageRecord,
        stage=st.text(min_size=1),
        inputs=st.dictionaries(st.text(), st.text()),
        files=st.dictionaries(st.text(), st.text()),
        seconds=st.floats(min_value=0, allow_infinity=False),
    )
)
def test_a_value_survives_its_file_with_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, record: StageRecord
) -> None:
    path = tmp_path_factory.mktemp("value") / "record.json"
    store.write_value(path, record)
    again = store.read_value(StageRecord, path)
    assert again == record
    assert store.value_sha256(again) == store.value_sha256(record)


def test_a_stage_digest_depends_on_what_it_holds_and_not_on_when_it_was_made() -> None:
    one = StageRecord(stage="learn", inputs=INPUTS, files={"a": "1", "b": "2"}, seconds=1.0)
    two = StageRecord(stage="learn", inputs={}, files={"b": "2", "a": "1"}, seconds=9.0)
    other = StageRecord(stage="learn", inputs=INPUTS, files={"a": "1", "b": "3"}, seconds=1.0)
    assert one.sha256 == two.sha256 != other.sha256


def test_a_missing_value_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match=r"there is no recipe\.json here"):
        store.read_value(StageRecord, tmp_path / "recipe.json")


def test_a_file_that_holds_something_else_is_refused_by_key(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    store.write_value(path, Verdict(check="size", artifact=None, status=Status.PASS, reason="small"))
    with pytest.raises(RefusedInput, match="not a StageRecord: stage: Field required") as caught:
        store.read_value(StageRecord, path)
    assert caught.value.where == str(path)
