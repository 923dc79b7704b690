"""What another machine says, made safe to show: no control characters, no end without bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

LONGEST = 2000
"""Characters that are kept of one field."""


def plain(text: str) -> str:
    """The text with everything that is neither printable nor a line break or tab replaced by U+FFFD."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)


def _short(text: str) -> str:
    return plain(text) if len(text) <= LONGEST else f"{plain(text[:LONGEST])}..."


PlainText = Annotated[str, AfterValidator(plain)]
"""Text of any length."""
Told = Annotated[str, AfterValidator(_short)]
"""A field that a device fills with a word or a sentence."""
