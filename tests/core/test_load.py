"""Every way a recipe or profile can be wrong is told with file, key, what was found, what is allowed, nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core import load
from l0gm_edge.core.errors import RecipeError


def refusal(path: Path, text: str, overrides: tuple[str, ...] = ()) -> RecipeError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load.recipe(str(path), overrides)
    return caught.value


def test_a_valid_recipe_loads_with_its_defaults(recipe_file: Path) -> None:
    recipe = load.recipe(str(recipe_file))
    assert recipe.name == "tiny"
    assert recipe.model.encoders["image"].widths == (16, 32)
    assert recipe.gates.target.active_fraction == 0.4
    assert recipe.seed == 0


@pytest.mark.parametrize(
    ("line", "wrong", "key", "nearest"),
    [
        ("name: tiny", "name: tiny\nlern: {}", "lern", "learn"),
        ("steps: 20", "stepz: 20", "learn.stepz", "steps"),
        ("{name: digits}", "{nome: digits}", "data.nome", "name"),
        ("active_fraction", "activ_fraction", "gates.target.activ_fraction", "active_fraction"),
        ("latent: 32", "latentt: 32", "model.latentt", "latent"),
        ("table: {encoder: tabular, widths", "table: {encoder: tabular, width", "model.encoders.table.width", "widths"),
        ("weight: 0.5", "wieght: 0.5", "distill.wieght", "weight"),
        ("top_k: 2", "topk: 2", "moe.topk", "top_k"),
    ],
)
def test_an_unknown_key_gets_the_nearest_name_at_every_level(
    recipe_file: Path, recipe_text: str, line: str, wrong: str, key: str, nearest: str
) -> None:
    error = refusal(recipe_file, recipe_text.replace(line, wrong))
    assert f"{key}: unknown key; did you mean '{nearest}'?" in error.what
    assert error.where == str(recipe_file)
    assert error.todo
    assert "docs/recipes.md" in error.todo


def test_an_unknown_key_that_resembles_nothing_gets_the_list(recipe_file: Path, recipe_text: str) -> None:
    error = refusal(recipe_file, recipe_text + "zzz: 1\n")
    assert "zzz: unknown key (allowed: name, description, seed, data," in error.what


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("steps: 20", "steps: many", "learn.steps: Input should be a valid integer"),
        ("steps: 20", "steps: 0", "learn.steps: Input should be greater than 0 (found 0)"),
        (
            "steps: 20",
            "steps: 1.5",
            "learn.steps: Input should be a valid integer, got a number with a fractional part",
        ),
        ("latent: 32", "latent: [1]", "model.latent: Input should be a valid integer (found [1])"),
        ("active_fraction: 0.4", "active_fraction: 1.4", "gates.target.active_fraction: Input should be less than or"),
        ("active_fraction: 0.4", "active_fraction: 0", "gates.target.active_fraction: Input should be greater than 0"),
        ("widths: [32]", "widths: []", "model.encoders.table.widths: Tuple should have at least 1 item"),
        ("name: tiny", "name: a/b", "name: String should match pattern"),
        ("name: tiny", "name: tiny\nseed: -1", "seed: Input should be greater than or equal to 0"),
        ("encoder: tabular", "encoder: Tab-ular", "model.encoders.table.encoder: String should match pattern"),
        ("data: {name: digits}", "data: digits", "data: Input should be a valid dictionary"),
        ("steps: 20", "steps: 20, trains: [tail]", "learn.trains.0: Input should be 'routers', 'head' or 'body'"),
        ("steps: 20", "steps: 20, before: [{objective: selection}]", "learn.before.0.steps: required, but not given"),
    ],
)
def test_a_wrong_value_is_told_by_key_and_what_was_found(
    recipe_file: Path, recipe_text: str, right: str, wrong: str, expected: str
) -> None:
    assert right in recipe_text
    error = refusal(recipe_file, recipe_text.replace(right, wrong))
    assert expected in error.what
    assert error.where == str(recipe_file)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("top_k: 2", "top_k: 5", "moe: top_k (5) cannot exceed experts (4)"),
        ("top_k: 2", "top_k: 2, kept_pairs: 0.5", "moe: kept_pairs goes with combine: plain"),
        ("steps: 20", "steps: 20, warm_up: 0.6, recovery: 0.4", "learn: warm_up (0.6) + recovery (0.4) must leave"),
        ("active_fraction: 0.4", "active_fraction: 0.4, parameters: 9", "found active_fraction, parameters"),
        ("{active_fraction: 0.4}", "{}", "gates.target: give exactly one of units, active_fraction"),
    ],
)
def test_a_contradiction_is_refused(recipe_file: Path, recipe_text: str, right: str, wrong: str, expected: str) -> None:
    assert right in recipe_text
    assert expected in refusal(recipe_file, recipe_text.replace(right, wrong)).what


def test_every_problem_of_a_recipe_is_told_at_once(recipe_file: Path, recipe_text: str) -> None:
    error = refusal(recipe_file, recipe_text.replace("steps: 20", "stepz: 20").replace("latent: 32", "latent: 0"))
    assert "model.latent" in error.what
    assert "learn.stepz" in error.what
    assert "learn.steps: required, but not given" in error.what


@pytest.mark.parametrize(
    ("right", "wrong", "key", "nearest"),
    [
        ("name: digits", "name: digit", "data.name", "digits"),
        ("encoder: image", "encoder: imgae", "model.encoders.image.encoder", "image"),
        ("  target:", "  method: hard_concret\n  target:", "gates.method", "hard_concrete"),
    ],
)
def test_an_unknown_plugin_gets_the_list_and_the_nearest_name(
    recipe_file: Path, recipe_text: str, right: str, wrong: str, key: str, nearest: str
) -> None:
    error = refusal(recipe_file, recipe_text.replace(right, wrong))
    assert error.what.startswith(f"{key}: found '")
    assert f"did you mean '{nearest}'?" in error.what
    assert nearest in str(error.allowed)


def test_a_key_that_stands_twice_is_refused_with_its_line(recipe_file: Path, recipe_text: str) -> None:
    error = refusal(recipe_file, recipe_text + "learn: {steps: 30}\n")
    line = recipe_text.count("\n") + 1
    assert error.what == "not valid YAML: key 'learn' stands twice"
    assert error.where == f"{recipe_file}:{line}:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [", "not valid YAML"),
        ("name: !!python/object/apply:os.system ['true']", "not valid YAML: could not determine a constructor"),
        ("1: 2", "key 1 is not text"),
        ("", "the file holds no mapping"),
        ("- a\n- b", "the file holds no mapping"),
        ("just words", "the file holds no mapping"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused(recipe_file: Path, text: str, expected: str) -> None:
    error = refusal(recipe_file, text)
    assert expected in error.what
    assert str(error.where).startswith(str(recipe_file))


def test_bytes_that_are_no_text_are_refused(recipe_file: Path) -> None:
    recipe_file.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(RecipeError, match="not valid YAML"):
        load.recipe(str(recipe_file))


@given(st.text(max_size=80))
def test_no_text_makes_the_loader_fail_in_another_way(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(RecipeError):
        load.recipe(str(path))


def test_a_missing_file_names_what_is_shipped() -> None:
    with pytest.raises(RecipeError, match=r"no file and no shipped recipes entry .nowhere\.yaml.") as caught:
        load.recipe("nowhere.yaml")
    assert "a path to a .yaml file" in str(caught.value.allowed)


def test_an_override_reaches_any_depth(recipe_file: Path) -> None:
    changes = ("learn.steps=7", "model.encoders.image.widths=[8]", "prune.round_widths=false", "distill=null")
    recipe = load.recipe(str(recipe_file), changes)
    assert recipe.learn.steps == 7
    assert recipe.model.encoders["image"].widths == (8,)
    assert recipe.prune.round_widths is False
    assert recipe.distill is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("learn.steps", "--set found 'learn.steps'"),
        ("=3", "--set found '=3'"),
        ("name.first=3", "--set name.first: 'name' holds a value, not keys"),
        ("learn.steps=[", "--set learn.steps: '[' is not valid YAML"),
        ("learn.stepz=3", "learn.stepz: unknown key; did you mean 'steps'?"),
        ("learn.steps=-3", "learn.steps: Input should be greater than 0 (found -3)"),
    ],
)
def test_a_bad_override_is_refused(recipe_file: Path, recipe_text: str, override: str, expected: str) -> None:
    assert expected in refusal(recipe_file, recipe_text, (override,)).what
