"""Example inputs of any model: a tensor, positional arguments, or keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput

Example = Tensor | Sequence[Any] | Mapping[str, Any]
"""One tensor, a sequence of positional arguments, or a mapping of keyword arguments."""


@dataclass(frozen=True)
class Inputs:
    """The arguments of one call of a model."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, example: Example | Inputs) -> Inputs:
        """Read example inputs in any of their forms. Raises RefusedInput for anything else."""
        match example:
            case Inputs():
                return example
            case Tensor():
                return cls((example,))
            case Mapping():
                return cls(kwargs=dict(example))
            case list() | tuple():
                return cls(tuple(example))
            case _:
                raise RefusedInput(
                    f"example inputs of type {type(example).__name__}",
                    where="example_inputs",
                    allowed="a tensor, a tuple of positional arguments, or a dict of keyword arguments",
                )

    def call(self, model: nn.Module) -> Any:
        """Run the model on these arguments."""
        return model(*self.args, **self.kwargs)
