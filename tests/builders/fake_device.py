"""A device that is this machine, except where a test says that it lies or fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from l0gm_edge.devices import CommandResult, Device

Answer = Callable[[Sequence[str]], CommandResult | None]
Tamper = Callable[[str, bytes], bytes]


class FakeDevice:
    """`answer` may take the place of a command, `tamper` changes files on their way back; `commands` were run."""

    def __init__(
        self, real: Device, answer: Answer = lambda _: None, tamper: Tamper = lambda _, content: content
    ) -> None:
        self.real, self.answer, self.tamper = real, answer, tamper
        self.commands: list[list[str]] = []

    def put(self, local: Path, remote: str) -> None:
        """Copy a file there."""
        self.real.put(local, remote)

    def get(self, remote: str, local: Path) -> None:
        """Copy a file back, tampered with."""
        self.real.get(remote, local)
        local.write_bytes(self.tamper(remote, local.read_bytes()))

    def run(self, command: Sequence[str], timeout_s: float) -> CommandResult:
        """Run a command unless the test has an answer to it."""
        self.commands.append(list(command[1:]))
        return self.answer(command[1:]) or self.real.run(command, timeout_s)

    def stream(self, command: Sequence[str], timeout_s: float, told: Callable[[str], object]) -> CommandResult:
        """The same, its lines told while they come."""
        self.commands.append(list(command[1:]))
        return self.answer(command[1:]) or self.real.stream(command, timeout_s, told)

    def python(self) -> str:
        """The interpreter there."""
        return self.real.python()
