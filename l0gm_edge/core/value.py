"""The base of every typed value that travels between stages or is written to disk."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]
"""Part of a whole that never is all of it."""
PlugIn = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""The name of a file in a folder of plug-ins."""


class Value(BaseModel):
    """A frozen, strict value: unknown keys are refused, and nothing acts when it is constructed."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")
