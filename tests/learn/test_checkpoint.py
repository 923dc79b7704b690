"""Checkpoints are written whole and never unpickle objects."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from l0gm_edge.learn import checkpoint


class Intruder:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return Path.write_text, (Path("intruded"), "")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    state = {"step": 3, "model": {"w": torch.randn(2, 3)}, "optimizer": {"groups": [{"lr": 0.1}]}, "note": "x"}
    checkpoint.save(tmp_path / "c", state)
    loaded = checkpoint.load(tmp_path / "c")
    assert torch.equal(loaded["model"].pop("w"), state["model"].pop("w"))
    assert loaded == state
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_there_may_be_none(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "c") is None


def test_pickled_objects_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Intruder()}, tmp_path / "c")
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(tmp_path / "c")
    assert not (tmp_path / "intruded").exists()
