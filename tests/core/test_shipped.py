"""What ships: every recipe and profile loads, is found by name, and names only what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from l0gm_edge.core import load, shipped
from l0gm_edge.core.errors import RecipeError


@pytest.mark.parametrize("name", shipped.names("hardware"))
def test_every_shipped_profile_loads_under_its_own_name(name: str) -> None:
    assert load.hardware(name).name == name


@pytest.mark.parametrize("name", shipped.names("recipes"))
def test_every_shipped_recipe_loads_under_its_own_name_and_describes_itself(name: str) -> None:
    recipe = load.recipe(name)
    assert recipe.name == name
    assert recipe.description


@pytest.mark.parametrize("profile", shipped.names("hardware"))
def test_a_shipped_profile_asks_only_for_schemes_its_backends_offer(profile: str) -> None:
    from l0gm_edge import backends

    for runtime in load.hardware(profile).runtimes:
        assert set(runtime.schemes) <= set(backends.plugin(runtime.name).SCHEMES)


def test_a_path_is_found_as_it_is(recipe_file: Path) -> None:
    assert shipped.find("recipes", str(recipe_file)) == recipe_file


def test_a_shipped_name_wins_over_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped.find("hardware", "host-cpu") == shipped.folder("hardware") / "host-cpu.yaml"


def test_a_misspelt_name_gets_the_list_and_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"'host-gpu'; did you mean 'host-cpu'\?") as caught:
        shipped.find("hardware", "host-gpu")
    assert "host-cpu" in str(caught.value.allowed)


@pytest.mark.parametrize("name", ["../pyproject", "", ".", "host-cpu/"])
def test_a_name_never_leads_out_of_the_shipped_folder(name: str) -> None:
    with pytest.raises(RecipeError):
        shipped.find("hardware", name)
