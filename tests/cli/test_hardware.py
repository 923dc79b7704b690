"""`l0gm-edge hardware`: list and show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import yaml
from click.testing import Result

from l0gm_edge.core import load, shipped

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
