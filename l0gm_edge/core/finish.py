"""What is done to a chosen .onnx file at the end: settings raced, its graph optimised ahead."""

from __future__ import annotations

from enum import StrEnum

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat

from l0gm_edge.core.opening import Settings
from l0gm_edge.core.value import Value


class FormKind(StrEnum):
    """ONNX, or ONNX Runtime's own format, which its smallest builds read."""

    ONNX = "onnx"
    ORT = "ort"


class Level(StrEnum):
    """How far a graph is optimised ahead: `basic` stays standard ONNX, `extended` merges operators for the CPU.

    What lays tensors out for one processor is left to loading: it would bind a file to that processor.
    """

    BASIC = "basic"
    EXTENDED = "extended"


class Form(Value):
    """One form: its file, for which processors, and how it compares to the chosen file (null where not measured).

    `difference` is the largest of the outputs, relative to the largest output. `operators` is the file that says which
    operators a reduced build of the runtime needs.
    """

    kind: FormKind
    path: str
    sha256: str
    size_bytes: NonNegativeInt
    level: Level
    architecture: str
    operators: str | None = None
    difference: NonNegativeFloat
    load_ms: PositiveFloat | None = None
    load_ratio: PositiveFloat | None = None
    p50_ratio: PositiveFloat | None = None

    def __str__(self) -> str:
        """What it is good for, in words."""
        told = [f"also as .{self.kind}, optimised ahead ({self.level}, {self.architecture})"]
        if self.load_ms and self.load_ratio:
            told.append(f"loads in {self.load_ms:.3g} ms, {self.load_ratio:.2f}x")
        if self.p50_ratio:
            told.append(f"p50 {self.p50_ratio:.2f}x")
        return "; ".join([*told, f"outputs within {self.difference:.1g}" if self.difference else "the same outputs"])


class Raced(Value):
    """Settings that were timed beside the profile's own: their p50 against it, with its interval."""

    settings: Settings
    ratio: PositiveFloat
    interval: tuple[PositiveFloat, PositiveFloat]

    def __str__(self) -> str:
        """The result, in words."""
        return f"{self.settings} {self.ratio:.3f}x ({self.interval[0]:.3f} to {self.interval[1]:.3f})"


class Finish(Value):
    """An artifact's settings, whether measured as the fastest or the profile's own, and its other forms.

    `notes` tell what could not be raced or made, and why.
    """

    artifact: str
    settings: Settings
    raced: tuple[Raced, ...] = ()
    forms: tuple[Form, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """All of it as sentences, without the artifact's name."""
        return (f"opened with {self.settings}{self._race()}", *map(str, self.forms), *self.notes)

    def _race(self) -> str:
        return f" (raced against the profile's own: {'; '.join(map(str, self.raced))})" if self.raced else ""


class Finishes(Value):
    """One for each artifact of ONNX Runtime that ships."""

    finishes: tuple[Finish, ...]
