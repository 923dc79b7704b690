"""`l0gm-edge init`: a first recipe that runs, or one message and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import own_project
import pytest
from click.testing import Result

from l0gm_edge.core import load
from l0gm_edge.core.recipe import OwnData, OwnModel

Invoke = Callable[..., Result]


@pytest.fixture
def init(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """The command on a project, further options last."""
    own_project.write(tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(*options: str, model: str = "shop.nets:build", data: str = "shop.data:load") -> Result:
        return invoke(
            *("init", "--model", model, "--data", data, "--hardware", "host-cpu", "--pythonpath", "project", *options)
        )

    return run


def test_it_writes_a_recipe_and_shows_what_can_be_cut(init: Invoke, tmp_path: Path) -> None:
    result = init()
    assert result.exit_code == 0, result.output
    assert "Net: 9,578 parameters" in result.stdout
    assert "stem.0   channels" in result.stdout
    assert (
        "wrote recipe.yaml; next: l0gm-edge run recipe.yaml --hardware host-cpu --pythonpath project" in result.stdout
    )
    recipe = load.recipe(str(tmp_path / "recipe.yaml"))
    assert recipe.name == "shop"
    assert recipe.model == OwnModel(entry="shop.nets:build")
    assert recipe.data == OwnData(entry="shop.data:load")
    assert recipe.learn.steps == 300
    comments = [line for line in (tmp_path / "recipe.yaml").read_text(encoding="utf-8").splitlines() if "#" in line]
    assert any("400 training rows of image (1, 8, 8); 10 classes" in line for line in comments)
    assert any("model(image=...), with 10 logits" in line for line in comments)


def test_json_is_the_description_and_nothing_else(init: Invoke, tmp_path: Path) -> None:
    result = init("--out", "first.yaml", "--target", "parameters=6000", "--json")
    told = json.loads(result.stdout)
    assert told["recipe"] == "first.yaml"
    assert [row["site"] for row in told["description"]["sites"]] == ["stem.0", "embed", "block.1"]
    assert load.recipe(str(tmp_path / "first.yaml")).gates.target.parameters == 6000


def test_it_never_overwrites(init: Invoke, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("mine", encoding="utf-8")
    result = init()
    assert result.exit_code == 2
    assert "the file is there already" in result.stderr
    assert (tmp_path / "recipe.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("options", "entries", "words"),
    [
        ((), {"model": "shop.nets"}, "model.entry: should be package.module:function"),
        ((), {"model": "shop.nets:biuld"}, "did you mean 'build'?"),
        ((), {"data": "shop.nets:build"}, "data.entry: shop.nets:build returned a Net"),
        (("--target", "parameters"), {}, "--target found 'parameters'"),
        (("--target", "parameter=3"), {}, "gates.target.parameter: unknown key; did you mean 'parameters'?"),
        (("--target", "parameters=3"), {}, "cannot be reached"),
        (("--hardware", "host-cp"), {}, "did you mean 'host-cpu'?"),
    ],
)
def test_what_cannot_run_is_told_and_nothing_is_written(
    init: Invoke, tmp_path: Path, options: tuple[str, ...], entries: dict[str, str], words: str
) -> None:
    result = init(*options, **entries)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]
