"""How one model is opened: ONNX Runtime's execution providers and session, TensorRT's engine."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from l0gm_edge.core.engine import EngineSettings
from l0gm_edge.core.value import Value

CPU_PROVIDER = "CPUExecutionProvider"


class Settings(Value):
    """Threads and memory of a session; null is the runtime's own default (of `threads`: the profile's).

    With `inter_op_threads`, operators that do not wait for each other run side by side on so many threads.
    """

    threads: PositiveInt | None = None
    inter_op_threads: PositiveInt | None = None
    spinning: bool | None = None
    arena: bool | None = None
    memory_pattern: bool | None = None

    def over(self, base: Settings) -> Settings:
        """These settings, and those of `base` where nothing is said here."""
        return Settings(**{name: _first(getattr(self, name), getattr(base, name)) for name in Settings.model_fields})

    def __str__(self) -> str:
        """What is said, in words."""
        given = ((name, getattr(self, name)) for name in Settings.model_fields)
        told = (f"{name.replace('_', ' ')} {_word(value)}" for name, value in given if value is not None)
        return ", ".join(told) or "the runtime's own"


class Opening(Value):
    """How one model is opened: providers by their full names, in order, each with its options; and settings.

    `engine` is how TensorRT's is built, where the profile says.
    """

    providers: dict[str, dict[str, str]] = Field(default={CPU_PROVIDER: {}}, min_length=1)
    settings: Settings = Settings()
    engine: EngineSettings | None = None


def _first(ours: int | None, theirs: int | None) -> int | None:
    return theirs if ours is None else ours


def _word(value: bool | int) -> str:
    return str(value) if not isinstance(value, bool) else "on" if value else "off"
