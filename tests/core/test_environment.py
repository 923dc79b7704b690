"""Where a figure comes from: versions, machine, commit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l0gm_edge.core import environment


def test_installed_versions_are_those_of_the_distributions() -> None:
    import numpy as np

    assert environment.installed_version("numpy") == np.__version__
    assert environment.installed_version("surely-not-a-package") is None
    assert environment.tool_versions()["numpy"] == np.__version__
    assert all(environment.tool_versions().values())


def test_another_interpreter_tells_what_it_has(tmp_path: Path) -> None:
    wanted = ("numpy", "surely-not-a-package")
    here = environment.installed_versions(wanted)
    assert here.keys() == {"numpy"}
    assert environment.installed_versions(wanted, sys.executable) == here
    assert environment.installed_versions(wanted, str(tmp_path / "none")) == {}


def test_the_machine_is_described_in_words() -> None:
    assert set(environment.machine()) == {"processor", "cores", "system", "python"}
    assert all(environment.machine().values())


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small checkout with one commit, in the place of ours."""
    (tmp_path / "file").write_text("a", encoding="utf-8")
    person = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "file"], [*person, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "l0gm_edge" / "core" / "environment.py"))
    environment.commit.cache_clear()
    yield tmp_path
    environment.commit.cache_clear()


def test_a_commit_is_dirty_when_a_tracked_file_changed(checkout: Path) -> None:
    head, dirty = environment.commit()
    assert head is not None
    assert len(head) == 40
    assert dirty is False
    environment.commit.cache_clear()
    (checkout / "file").write_text("b", encoding="utf-8")
    assert environment.commit() == (head, True)


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "site-packages" / "l0gm_edge" / "core" / "x.py"))
    environment.commit.cache_clear()
    assert environment.commit() == (None, None)
    environment.commit.cache_clear()
