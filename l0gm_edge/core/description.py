"""What of a model can be cut, and what cannot and why; printed, it is a table."""

from __future__ import annotations

from collections.abc import Sequence

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.value import Value

_CONSUMERS_SHOWN = 2


class SiteRow(Value):
    """One dependency group: `width` units, the layers that read them, and how many were kept once that is chosen."""

    site: str
    kind: SiteKind
    width: int
    consumers: tuple[str, ...]
    kept: int | None


class SkippedRow(Value):
    """Units that a layer gives and that cannot be gated, and why."""

    module: str
    width: int
    reason: str


class Description(Value):
    """A model as its gates see it."""

    model: str
    parameters: int
    macs: int
    target: str
    sites: tuple[SiteRow, ...]
    skipped: tuple[SkippedRow, ...]

    def __str__(self) -> str:
        """The table, as text."""
        units = sum(row.width for row in self.sites)
        head = (
            f"{self.model}: {self.parameters:,} parameters, {self.macs:,} MACs a sample; {units:,} units on "
            f"{len(self.sites)} sites; target {self.target}"
        )
        sites = [
            (row.site, row.kind.value, f"{row.width:,}", "" if row.kept is None else f"{row.kept:,}", _consumers(row))
            for row in self.sites
        ]
        lines = [head, "", *_table(("site", "kind", "width", "kept", "read by"), sites)]
        if self.skipped:
            skipped = [(row.module, f"{row.width:,}", row.reason) for row in self.skipped]
            lines += ["", *_table(("left whole", "width", "because"), skipped)]
        return "\n".join(lines)

    __repr__ = __str__


def _consumers(row: SiteRow) -> str:
    more = len(row.consumers) - _CONSUMERS_SHOWN
    return ", ".join(row.consumers[:_CONSUMERS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side; those of figures to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    right = [name in ("width", "kept") for name in head]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
