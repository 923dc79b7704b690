"""Forward passes put in the place of a layer's own, of which it is known that each row is computed by itself."""

from __future__ import annotations

from functools import partial
from typing import Any


class RowWise(partial[Any]):
    """A forward pass that gives a row the same whichever other rows there are, so that rows may be left out."""
