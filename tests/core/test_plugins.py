"""A folder is a registry: names are found without importing, and a misspelt one gets the nearest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from l0gm_edge.core import plugins
from l0gm_edge.core.errors import RecipeError


def test_names_are_the_public_files_sorted() -> None:
    names = plugins.names("l0gm_edge.core")
    assert names == tuple(sorted(names))
    assert {"recipe", "store", "verdict"} <= set(names)
    assert not any(name.startswith("_") for name in names)


def test_listing_imports_none_of_them() -> None:
    code = (
        "import sys; from l0gm_edge.core import plugins; print(plugins.names('l0gm_edge.models.encoders'));"
        "sys.exit(any(name.startswith('l0gm_edge.models.encoders.') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "image" in done.stdout


def test_loading_imports_the_one_asked_for() -> None:
    assert plugins.load("l0gm_edge.core", "verdict").__name__ == "l0gm_edge.core.verdict"


@pytest.mark.parametrize("name", ["verdcit", "_private", "verdict.py", "../secret", ""])
def test_a_name_that_is_no_file_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(RecipeError, match="there is no core named") as caught:
        plugins.load("l0gm_edge.core", name)
    assert "verdict" in str(caught.value.allowed)
    assert ("did you mean 'verdict'?" in caught.value.what) == (name in {"verdcit", "verdict.py"})


def test_nearest_says_nothing_when_nothing_is_near() -> None:
    assert plugins.nearest("zzz", ("learn", "prune")) == ""
