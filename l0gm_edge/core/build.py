"""What building a person's own model for a device came to; printed, a table."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.core.artifact import Artifact
from l0gm_edge.core.finish import Finish
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Status, Verdict, worst

MB = 1_000_000
PROVIDERS = "providers"
"""The check whose answer is told also where it passed: what ran where is no detail."""


class BuiltFile(Value):
    """One file: how long an inference takes (null where not measured; against the reference model's file, null without
    one), whether it is in the bundle, and why."""

    artifact: Artifact
    p50_ms: float | None
    p90_ms: float | None
    p50_ratio_to_reference: float | None
    chosen: bool
    why: str


class Build(Value):
    """Files for every runtime of a profile, what was found about each, and the bundle that holds the chosen ones.

    `folder` is the bundle's, and `bundle_sha256` stands for its contents; null when no file was sound. `left_out` tells
    which schemes were not built, and why; `finishes`, with which settings files of ONNX Runtime are opened, and their
    other forms.
    """

    name: str
    hardware: str
    folder: Path
    bundle_sha256: str | None
    files: tuple[BuiltFile, ...]
    verdicts: tuple[Verdict, ...]
    finishes: tuple[Finish, ...] = ()
    left_out: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """There is a bundle, and its files passed every check, the profile's budgets among them."""
        chosen = {file.artifact.name for file in self.files if file.chosen}
        return bool(chosen) and worst([one for one in self.verdicts if one.artifact in chosen]) is Status.PASS

    def __str__(self) -> str:
        """The table, as text."""
        head = f"{self.name} on {self.hardware}: {self.folder if self.bundle_sha256 else 'no bundle'}"
        chosen = {file.artifact.name for file in self.files if file.chosen}
        about = [one for one in self.verdicts if one.artifact in chosen]
        told = [one for one in about if one.status is not Status.PASS or one.check == PROVIDERS]
        return "\n".join(
            [
                head,
                *map(_line, self.files),
                *(f"    {one.artifact}: {line}" for one in self.finishes for line in one.told),
                *(f"  {one.status} {one.artifact}: {one.check}: {one.reason}" for one in told),
                *(f"  left out: {scheme}" for scheme in self.left_out),
            ]
        )

    __repr__ = __str__


def _line(file: BuiltFile) -> str:
    p50 = "not timed" if file.p50_ms is None else f"p50 {file.p50_ms:.3f} ms"
    ratio = "" if file.p50_ratio_to_reference is None else f" ({file.p50_ratio_to_reference:.2f}x the reference)"
    size = f"{file.artifact.size_bytes / MB:.3f} MB"
    told = "".join(f"\n      {line}" for line in (file.why, *file.artifact.notes))
    return f"  {'*' if file.chosen else ' '} {file.artifact.name}: {p50}{ratio}, {size}{told}"
