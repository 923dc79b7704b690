"""A torch model as a torch.export program: the one form every backend converts from."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from l0gm_edge.core import store
from l0gm_edge.core.errors import ExportFailed

_LINES_SHOWN = 6


def save_program(model: nn.Module, example: Mapping[str, Tensor], path: Path) -> None:
    """Write `program(model, example)` as .pt2, atomically. Raises ExportFailed."""
    store.write_bytes(path, program(model, example))


def program(model: nn.Module, example: Mapping[str, Tensor]) -> bytes:
    """Export `model(**example)` in evaluation mode, batch fixed to that of `example`.

    The same model gives the same bytes. The model is left in the mode it was in. Raises ExportFailed, saying what
    torch could not trace.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        buffer = io.BytesIO()  # in memory: a program saved to a path holds that path's name
        torch.export.save(torch.export.export(model, (), dict(example)), buffer)
    except Exception as error:  # whatever the model's own code or torch's tracer raises
        raise _explain(model, error) from error
    finally:
        for module, training in modes.items():
            module.training = training
    return buffer.getvalue()


def floor_program(example: Mapping[str, Tensor], classes: int, path: Path) -> None:
    """Write an almost empty program with the same inputs and logits of shape (1, classes).

    What it costs on a device is the fixed part of a runtime: loading, reading inputs, writing outputs.
    """
    save_program(_Floor(list(example), classes), example, path)


class _Floor(nn.Module):
    """The mean of each input, and one tiny linear layer."""

    def __init__(self, names: Sequence[str], classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(len(names), classes)
        nn.init.ones_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, **inputs: Tensor) -> Tensor:
        # .float() leaves no trace on what is float already
        means = [values.flatten(1).float().mean(1, keepdim=True) for values in inputs.values()]
        logits: Tensor = self.head(torch.cat(means, 1))
        return logits


def _explain(model: nn.Module, error: Exception) -> ExportFailed:
    said = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return ExportFailed(
        f"{type(model).__name__} cannot be exported: " + "\n".join(said[:_LINES_SHOWN]),
        where=_place(error),
        allowed="a forward pass whose operations and shapes do not depend on the values of its inputs",
        todo="replace Python branches on tensor values by torch.where or a mask",
    )


def _place(error: Exception) -> str | None:
    """The last line of the person's own code that the traceback or torch's message names."""
    own: str | None = None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "site-packages" not in file and not file.startswith("<") and file != __file__:
            own = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return own
