"""Keys of a YAML file change, and nothing else in it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core import yaml_edit
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.told import plain

TEXT = """\
# My board, on the shelf.
name: my-board  # the left one

facts:
  - one

  - two
# Not more than it can take.
budgets: {p90_ms: 5}
transport:
- odd
last: true
"""
VALUES = st.dictionaries(
    st.sampled_from(["name", "facts", "budgets", "transport", "last", "new_one", "another"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5).map(plain), st.lists, max_leaves=4),
    min_size=1,
    max_size=4,
)


def test_comments_and_other_keys_stay_where_they_are() -> None:
    edited = yaml_edit.with_keys(TEXT, {"facts": ["three"], "transport": {"kind": "ssh"}, "more": 1}, where="f")
    assert edited == TEXT.replace("  - one\n\n  - two\n", "- three\n").replace("- odd\n", "  kind: ssh\n") + "more: 1\n"


@given(VALUES)
def test_the_file_then_says_what_was_asked_for_and_all_else_it_said(values: dict[str, object]) -> None:
    edited = yaml_edit.with_keys(TEXT, values, where="f")
    assert yaml.safe_load(edited) == {**yaml.safe_load(TEXT), **values}
    kept = [line for line in TEXT.splitlines() if line.startswith("#")]
    assert [line for line in edited.splitlines() if line.startswith("#")] == kept
    assert yaml_edit.with_keys(edited, values, where="f") == edited


@given(VALUES)
def test_an_empty_file_gets_the_keys(values: dict[str, object]) -> None:
    assert yaml.safe_load(yaml_edit.with_keys("", values, where="f")) == values


def test_a_last_line_without_end_is_no_trap() -> None:
    assert yaml_edit.with_keys("a: 1", {"b": 2}, where="f") == "a: 1\nb: 2\n"


@pytest.mark.parametrize("text", ["{name: x, last: 1}\n", '"name": x\n', "? name\n: x\n"])
def test_a_file_that_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="cannot be edited"):
        yaml_edit.with_keys(text, {"name": "y"}, where="f")
