"""An entry: a function of the person's own code, named in a recipe."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema

from l0gm_edge.core.value import Value

_NAME = r"[A-Za-z_]\w*"
_FORM = rf"^{_NAME}(\.{_NAME})*:{_NAME}(\.{_NAME})*$"


def _well_formed(text: str) -> str:
    if not re.match(_FORM, text):
        raise ValueError("should be package.module:function")
    return text


class Entry(Value):
    """`package.module:function`, and the keyword arguments it is called with."""

    entry: Annotated[str, AfterValidator(_well_formed), Field(json_schema_extra={"pattern": _FORM})]
    arguments: dict[str, Annotated[JsonValue, WithJsonSchema({})]] = Field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module's dotted name."""
        return self.entry.partition(":")[0]

    @property
    def package(self) -> str:
        """The package or module at the top, whose source is the person's code."""
        return self.entry.partition(":")[0].partition(".")[0]

    @property
    def function(self) -> str:
        """The function's name within its module."""
        return self.entry.partition(":")[2]
