"""Entries in a recipe: a model, data or teacher of the person's own, told as well as ours when it is written wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from l0gm_edge.core import load
from l0gm_edge.core.distillation import OwnTeacher
from l0gm_edge.core.entry import Entry
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Model, MoE
from l0gm_edge.core.recipe import Data, OwnData, OwnModel, Recipe

OWN = """\
name: own
data: {entry: "shop.data:load"}
model: {entry: "shop.deep.nets:Net.small", arguments: {width: 16, names: [a, b]}}
gates: {target: {active_fraction: 0.5}}
learn: {steps: 20}
"""


def loaded(folder: Path, text: str) -> Recipe:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load.recipe(str(path))


def refusal(folder: Path, text: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        loaded(folder, text)
    return caught.value


def test_an_entry_names_a_package_a_module_and_a_function() -> None:
    entry = Entry(entry="shop.deep.nets:Net.small")
    assert (entry.package, entry.module, entry.function) == ("shop", "shop.deep.nets", "Net.small")


def test_a_recipe_with_entries_loads_and_reads_back_the_same(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, OWN)
    assert recipe.data == OwnData(entry="shop.data:load")
    assert recipe.model == OwnModel(entry="shop.deep.nets:Net.small", arguments={"width": 16, "names": ["a", "b"]})
    assert recipe.moe is None
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_a_recipe_with_encoders_has_experts_by_default(recipe_file: Path, recipe_text: str) -> None:
    lines = [line for line in recipe_text.splitlines() if not line.startswith("moe")]
    recipe_file.write_text("\n".join(lines), encoding="utf-8")
    recipe = load.recipe(str(recipe_file))
    assert isinstance(recipe.data, Data)
    assert isinstance(recipe.model, Model)
    assert recipe.moe == MoE()


@pytest.mark.parametrize(
    ("right", "wrong", "what"),
    [
        ("shop.data:load", "shop.data", "data.entry: should be package.module:function (found 'shop.data')"),
        ("shop.data:load", "shop/data.py:load", "data.entry: should be package.module:function"),
        ('{entry: "shop.data:load"}', "{entri: x}", "data.entri: unknown key; did you mean 'entry'?"),
        ('{entry: "shop.data:load"}', "{nam: digits}", "data.nam: unknown key; did you mean 'name'?"),
        ('{entry: "shop.data:load"}', "shop.data:load", "data: Input should be a valid dictionary"),
        ("arguments: {", "argument: {", "model.argument: unknown key; did you mean 'arguments'?"),
        ("arguments: {width: 16", "latent: 3, arguments: {width: 16", "model.latent: does not go with the other keys"),
        ("width: 16", "width: 2026-01-01", "model.arguments.width: input was not a valid JSON value"),
        ("name: own", "name: own\nmoe: {experts: 4}", "moe: goes with model.encoders"),
        ("name: own", "name: own\ndistill: {teacher: dens}", "distill.teacher: Input should be 'dense' (found 'dens')"),
        ("name: own", "name: own\ndistill: {teacher: {entry: x}}", "distill.teacher.entry: should be package.module"),
        (
            "name: own",
            "name: own\ndistill: {teacher: {weight: x}}",
            "distill.teacher.weight: unknown key; did you mean",
        ),
        ("name: own", "name: own\ndistill: {features: {at: []}}", "distill.features.at: Tuple should have at least 1"),
        ("name: own", "name: own\ndistill: {relations: {add: x}}", "distill.relations.add: unknown key"),
    ],
)
def test_what_is_written_wrong_is_told_by_key(tmp_path: Path, right: str, wrong: str, what: str) -> None:
    assert right in OWN
    error = refusal(tmp_path, OWN.replace(right, wrong))
    assert what in error.what
    assert "ours" not in error.what
    assert error.where == str(tmp_path / "own.yaml")


def test_experts_cannot_be_taken_from_our_model(recipe_file: Path, recipe_text: str) -> None:
    recipe_file.write_text(recipe_text, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"moe: model\.encoders needs its experts"):
        load.recipe(str(recipe_file), ["moe=null"])


def test_a_teacher_of_the_persons_own_is_read(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, OWN + 'distill: {weight: 0, teacher: {entry: "a:b", weights: best.safetensors}}\n')
    assert recipe.distill is not None
    assert recipe.distill.teacher == OwnTeacher(entry="a:b", weights="best.safetensors")


def test_the_schema_offers_both_ways() -> None:
    schema = Recipe.model_json_schema()
    assert [one["$ref"] for one in schema["properties"]["model"]["oneOf"]] == ["#/$defs/Model", "#/$defs/OwnModel"]
    assert [one["$ref"] for one in schema["properties"]["data"]["oneOf"]] == ["#/$defs/Data", "#/$defs/OwnData"]
    entry = schema["$defs"]["OwnModel"]["properties"]["entry"]
    assert entry["pattern"].startswith("^")
