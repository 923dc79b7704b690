"""What another machine says is safe to show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.told import LONGEST, Told, plain
from l0gm_edge.core.value import Value


class Said(Value):
    """A field that a device fills."""

    text: Told


@given(st.text())
def test_nothing_but_print_and_line_breaks_is_left(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    assert all(new in (old, "\N{REPLACEMENT CHARACTER}") for new, old in zip(shown, text, strict=True))
    assert all(one.isprintable() for one in shown.replace("\n", "").replace("\t", ""))
    assert plain(shown) == shown


def test_escapes_lose_their_power_and_words_stay() -> None:
    assert plain("\x1b[31mCortex-A72 48 °C\n") == "\N{REPLACEMENT CHARACTER}[31mCortex-A72 48 °C\n"


def test_a_field_has_an_end() -> None:
    assert len(Said(text="x" * 10_000).text) == LONGEST + 3
