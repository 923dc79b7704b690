"""`l0gm-edge hardware`: list, show and tabulate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import costs
import pytest
import yaml
from click.testing import Result

from l0gm_edge.core import load, shipped
from l0gm_edge.core.errors import NotQuiet
from l0gm_edge.core.store import read_value
from l0gm_edge.cost.table import Accuracy
from l0gm_edge.pipeline.tabulating import Tables

Invoke = Callable[..., Result]


def test_list_names_every_shipped_profile_with_its_runtimes(invoke: Invoke) -> None:
    rows = json.loads(invoke("hardware", "list", "--json").stdout)
    assert [row["name"] for row in rows] == list(shipped.names("hardware"))
    assert {"onnxruntime", "tflite"} == set(next(row for row in rows if row["name"] == "host-cpu")["runtimes"])
    assert "host-cpu" in invoke("hardware", "list").stdout


def test_show_loads_again_as_the_same_profile(invoke: Invoke, tmp_path: Path) -> None:
    shown = invoke("hardware", "show", "host-cpu").stdout
    again = tmp_path / "again.yaml"
    again.write_text(shown, encoding="utf-8")
    assert load.hardware(str(again)) == load.hardware("host-cpu")
    assert yaml.safe_load(shown) == json.loads(invoke("hardware", "show", "host-cpu", "--json").stdout)


def test_a_misspelt_profile_gets_the_nearest_name(invoke: Invoke) -> None:
    result = invoke("hardware", "show", "host-cpo")
    assert result.exit_code == 2
    assert "did you mean 'host-cpu'?" in result.stderr


def test_tabulate_tells_what_was_timed_and_how_far_to_trust_it(
    invoke: Invoke, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = costs.table(costs.subject(), 8)
    found = Tables(tables=(table,), accuracies=(Accuracy.of([0.01, 0.03]),))
    asked: list[object] = []
    monkeypatch.setattr("l0gm_edge.pipeline.tables.tabulate", lambda *given: asked.extend(given) or found)
    command = ("hardware", "tabulate", str(recipe_file), "--hardware", "host-cpu", "--set", "seed=3")
    told = invoke(*command, "--out", str(tmp_path / "tables.json"))
    assert told.exit_code == 0, told.output
    for expected in ("onnxruntime fp32, 1 thread", "2 ms", "8 timed", "2.0% (median)", "1.000 to 1.000", ".json"):
        assert expected in told.stdout
    assert read_value(Tables, tmp_path / "tables.json") == found
    (row,) = json.loads(invoke(*command, "--json").stdout)
    assert (row["runtime"], row["cuts"], row["held_out"]["rows"]) == ("onnxruntime", 8, 2)
    assert getattr(asked[0], "seed", None) == 3


def test_a_machine_that_is_not_quiet_ends_with_status_3(
    invoke: Invoke, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tabulate(*_: object) -> Tables:
        raise NotQuiet("this machine is not quiet enough", todo="try again")

    monkeypatch.setattr("l0gm_edge.pipeline.tables.tabulate", tabulate)
    result = invoke("hardware", "tabulate", str(recipe_file), "--hardware", "host-cpu")
    assert result.exit_code == 3
    assert "not quiet enough" in result.stderr
