"""What a device's own tools say of it. Each public file of this folder reads one tool; all conform to `Reader`.

Formats differ from one release to the next and lines may be cut short, so a reader takes what it knows and leaves out
the rest; it never guesses and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol, cast

from pydantic import Field, NonNegativeFloat

from l0gm_edge.core import plugins
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value

LONGEST = 200_000
"""Characters of a tool's answer that are looked at."""
COLDEST_C, HOTTEST_C = -40.0, 200.0


class Telemetry(Value):
    """What tools told; null and absent where they did not.

    `temperatures_c`, `rails_mw` and `clocks_mhz` are by the device's own names, a clock being of a processor or unit.
    `throttled` are the reasons for which the device runs slower than it can now, `throttled_since_boot` those of any
    moment since it was started.
    """

    power_mode: Told | None = None
    governors: tuple[str, ...] = ()
    temperatures_c: dict[str, float] = Field(default_factory=dict)
    rails_mw: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    clocks_mhz: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    loads: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    throttled: tuple[str, ...] = ()
    throttled_since_boot: tuple[str, ...] = ()


class Reader(Protocol):
    """What a file of this folder defines."""

    COMMAND: tuple[str, ...]
    """What to run on the device; its first word is the tool."""
    STREAMS: bool
    """Whether the tool goes on until it is stopped, a line at a time; then one line is enough."""

    def read(self, text: str) -> Telemetry:
        """What an answer says."""


def plugin(name: str) -> Reader:
    """The reader of this name. Raises RecipeError when there is none."""
    return cast(Reader, plugins.load(__name__, name))


def names() -> tuple[str, ...]:
    """Every reader."""
    return tuple(plugins.names(__name__))


def merged(answers: Mapping[str, str]) -> Telemetry:
    """What several tools say together, by the names of their readers; of two answers to one question, the first."""
    found = [plugin(name).read(text[:LONGEST]) for name, text in answers.items() if name in names()]
    fields: dict[str, object] = {}
    for one in found:
        for field in one.model_fields_set:
            value, known = getattr(one, field), fields.get(field)
            if isinstance(value, dict):
                fields[field] = {**value, **(known if isinstance(known, dict) else {})}
            elif not known and value:
                fields[field] = value
    return Telemetry.model_validate(fields)


def temperatures(pairs: Mapping[str, float]) -> dict[str, float]:
    """Those that a sensor can mean: an absent one says 0 exactly, or something far off."""
    return {name: value for name, value in pairs.items() if value != 0 and COLDEST_C < value < HOTTEST_C}


def numbers(pattern: str, text: str) -> dict[str, float]:
    """Every `(name, number)` that a pattern finds."""
    return {name: float(value) for name, value in re.findall(pattern, text)}
