"""Lines out of bytes that come in pieces, and from the beginning again after a loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.devices._lines import Lines
from l0gm_edge.devices._link import LONGEST_LINE


@given(st.lists(st.text("ab\n", max_size=8), max_size=8), st.integers(0, 30))
def test_each_line_is_told_once_however_often_it_comes(pieces: list[str], lost_after: int) -> None:
    whole = "".join(pieces).encode()
    told: list[str] = []
    lines = Lines(told.append)
    lines.write(whole[:lost_after])
    lines.again()
    for piece in pieces:
        lines.write(piece.encode())
    lines.close()
    assert told == whole.decode().removesuffix("\n").split("\n") if whole else told == []


def test_a_line_without_end_is_cut_off() -> None:
    told: list[str] = []
    lines = Lines(told.append)
    for _ in range(100):
        lines.write(b"x" * 1000)
    lines.write(b"\nnext\n")
    assert [len(line) for line in told] == [LONGEST_LINE, 4]
