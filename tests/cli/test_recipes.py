"""`l0gm-edge recipes`: list, show, and a schema that says what the loader says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import yaml
from click.testing import Result

from l0gm_edge.core import load, shipped

Invoke = Callable[..., Result]


def test_list_names_every_shipped_recipe(invoke: Invoke) -> None:
    rows = json.loads(invoke("recipes", "list", "--json").stdout)
    assert [row["name"] for row in rows] == list(shipped.names("recipes"))
    plain = invoke("recipes", "list").stdout
    assert all(row["name"] in plain and row["description"] in plain for row in rows)


def test_show_fills_in_defaults_and_loads_again_as_the_same_recipe(
    invoke: Invoke, recipe_file: Path, tmp_path: Path
) -> None:
    shown = invoke("recipes", "show", str(recipe_file), "--set", "learn.steps=9")
    assert yaml.safe_load(shown.stdout)["quantize"]["calibration_size"] == 256
    again = tmp_path / "again.yaml"
    again.write_text(shown.stdout, encoding="utf-8")
    assert load.recipe(str(again)) == load.recipe(str(recipe_file), ["learn.steps=9"])


def test_show_as_json_is_the_same_document(invoke: Invoke, recipe_file: Path) -> None:
    as_json = json.loads(invoke("recipes", "show", str(recipe_file), "--json").stdout)
    assert as_json == yaml.safe_load(invoke("recipes", "show", str(recipe_file)).stdout)


def test_the_schema_refuses_unknown_keys_and_explains_each_part(invoke: Invoke) -> None:
    schema = json.loads(invoke("recipes", "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert {"name", "data", "model", "gates", "learn"} == set(schema["required"])
    assert all(part.get("description") for part in schema["$defs"].values())
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if "properties" in part)


def test_a_misspelt_recipe_is_refused(invoke: Invoke) -> None:
    result = invoke("recipes", "show", "nowhere", "--json")
    assert result.exit_code == 2
    assert "nowhere" in json.loads(result.stdout)["error"]["what"]
