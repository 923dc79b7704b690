"""A YAML file with some of its top-level keys changed, and every other line, comments too, as a person wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from l0gm_edge.core import load
from l0gm_edge.core.errors import RecipeError

KEY = re.compile(r"^([A-Za-z_]\w*):(?=\s|$)")


def dumped(document: Mapping[str, Any]) -> str:
    """Keys and values as YAML, in their order."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def with_keys(text: str, values: Mapping[str, Any], *, where: str) -> str:
    """The text with these top-level keys set: in place of what they were, or at the end.

    Raises RecipeError for a text that is not written one top-level key after the other, each at the start of a line.
    """
    expected = {**(load.parsed(text, where) if text else {}), **values}
    pending, kept = dict(values), list[str]()
    blanks: list[str] | None = None  # of a block that is left out, until it is known whether it goes on
    for line in text.splitlines(keepends=True):
        key = KEY.match(line)
        if blanks is not None and line[0] in " \t-":
            blanks = []
        elif blanks is not None and not line.strip():
            blanks.append(line)
        elif key and key.group(1) in pending:
            kept += [*(blanks or ()), dumped({key.group(1): pending.pop(key.group(1))})]
            blanks = []
        else:
            kept += [*(blanks or ()), line]
            blanks = None
    if kept and not kept[-1].endswith("\n"):
        kept.append("\n")
    kept.extend(dumped({key: value}) for key, value in pending.items())
    edited = "".join(kept)
    try:
        sound = load.parsed(edited, where) == expected
    except RecipeError:
        sound = False
    if not sound:
        raise RecipeError(
            "the file is written in a way that cannot be edited",
            where=where,
            allowed="each top-level key at the start of a line of its own",
            todo="write to another file",
        )
    return edited
