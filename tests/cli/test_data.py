"""`l0gm-edge data list` and `data fetch`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from l0gm_edge.cli.data import command
from l0gm_edge.core.errors import DataError, RecipeError
from l0gm_edge.data import adult


def run(*arguments: str):
    return CliRunner().invoke(command, list(arguments))


def test_list_tells_what_is_known_and_what_is_here(tmp_path: Path) -> None:
    for file in adult.PREPARED:
        (tmp_path / file).touch()
    listed = json.loads(run("list", "--data-dir", str(tmp_path), "--json").stdout)
    assert listed["folder"] == str(tmp_path)
    present = {row["name"]: row["present"] for row in listed["data"]}
    here = {name for name, found in present.items() if found}
    assert here == {"adult", "digits"}
    assert set(present) > {"avmnist", "cifar10", "imdb", "meld"}
    text = run("list", "--data-dir", str(tmp_path)).stdout
    assert str(tmp_path) in text
    assert all(row["summary"] in text for row in listed["data"])


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L0GM_EDGE_DATA", str(tmp_path / "mine"))
    assert json.loads(run("list", "--json").stdout)["folder"] == str(tmp_path / "mine")


def test_fetching_what_needs_no_network(tmp_path: Path) -> None:
    assert "nothing to fetch" in run("fetch", "digits", "--data-dir", str(tmp_path)).stdout
    fetched = json.loads(run("fetch", "digits", "--data-dir", str(tmp_path), "--json").stdout)
    assert fetched == {"name": "digits", "folder": str(tmp_path), "files": [], "made": False}


def test_errors_reach_the_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(run("fetch", "digit", "--data-dir", str(tmp_path)).exception, RecipeError)
    insecure = adult.ORIGINALS[0].model_copy(update={"url": "http://example.org/adult.data"})
    monkeypatch.setattr(adult, "ORIGINALS", (insecure,))
    assert isinstance(run("fetch", "adult", "--data-dir", str(tmp_path)).exception, DataError)
