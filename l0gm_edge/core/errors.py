"""Every error a person can meet, each with the exit status the command line ends with.

L0GMEdgeError                      exit status
├── RefusedInput                   2   wrong usage, or an input that cannot be accepted
│   ├── RecipeError                    a recipe or hardware profile that does not make sense
│   ├── OwnCodeFailed                  the person's own model or data function failed, or gave what cannot be used
│   ├── DataError                      missing, damaged or unusable data
│   ├── MissingExtra                   an optional dependency is not installed
│   ├── TargetImpossible               a compression target that no cut of this model can reach
│   ├── TrainingDiverged               the recipe's settings drove the loss to NaN or infinity
│   └── IntegrityError                 a file does not have the digest its record promises
├── NotQuiet                       3   the machine is too unsteady for latency to be measured on it
└── ToolFailed                     4   a device, transport or tool did not do its work
    ├── CutNotExact                    the cut model does not give what the gated one gave
    ├── ExportFailed                   the model could not be converted for a runtime
    ├── DeviceFailed                   the device or its agent did not answer as it should
    └── StorageFailed                  the run folder cannot be written (disk full, permissions)
"""

from __future__ import annotations


class L0GMEdgeError(Exception):
    """An error a person can act on: what happened, where, what is allowed, and what to do."""

    exit_status = 4

    def __init__(
        self, what: str, *, where: str | None = None, allowed: str | None = None, todo: str | None = None
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.allowed, self.todo = what, where, allowed, todo

    def __str__(self) -> str:
        labelled = (("where", self.where), ("allowed", self.allowed), ("to do", self.todo))
        return "\n".join([self.what, *(f"  {label}: {text}" for label, text in labelled if text)])


class RefusedInput(L0GMEdgeError):
    """Wrong usage, or an input that cannot be accepted."""

    exit_status = 2


class RecipeError(RefusedInput):
    """A recipe or hardware profile that does not make sense."""


class OwnCodeFailed(RefusedInput):
    """The person's own model or data function failed, or gave what cannot be used."""


class DataError(RefusedInput):
    """Missing, damaged or unusable data."""


class MissingExtra(RefusedInput):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str, todo: str | None = None) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed",
            todo=todo or f"pip install 'l0gm-edge[{extra}]'",
        )


class TargetImpossible(RefusedInput):
    """A compression target that no cut of this model can reach."""


class TrainingDiverged(RefusedInput):
    """The recipe's settings drove the loss to NaN or infinity."""


class IntegrityError(RefusedInput):
    """A file does not have the digest its record promises."""


class NotQuiet(L0GMEdgeError):
    """The machine is too unsteady for latency to be measured on it."""

    exit_status = 3


class ToolFailed(L0GMEdgeError):
    """A device, transport or tool did not do its work."""


class CutNotExact(ToolFailed):
    """The cut model does not give what the gated one gave."""


class ExportFailed(ToolFailed):
    """The model could not be converted for a runtime."""


class DeviceFailed(ToolFailed):
    """The device or its agent did not answer as it should."""


class StorageFailed(ToolFailed):
    """The run folder cannot be written."""
