"""Example inputs of any form as what exporters and devices take: tensors by name, one row a sample."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.gates.inputs import Example, Inputs

DTYPES = (torch.float32, torch.int64)


def by_name(model: nn.Module, example: Example | Inputs) -> dict[str, Any]:
    """The arguments of one call, each under the name that the model's `forward` gives it.

    Raises RefusedInput when an argument has no name, or the model does not take it.
    """
    inputs = Inputs.of(example)
    signature = inspect.signature(model.forward)
    where = f"{type(model).__name__}.forward{signature}"
    try:
        bound = signature.bind(*inputs.args, **inputs.kwargs)
    except TypeError as error:
        raise RefusedInput(f"the example inputs do not fit the model: {error}", where=where) from error
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        match signature.parameters[name].kind:
            case inspect.Parameter.VAR_KEYWORD:
                named |= value
            case inspect.Parameter.VAR_POSITIONAL | inspect.Parameter.POSITIONAL_ONLY:
                raise RefusedInput(
                    f"argument '{name}' of the model can only be given by position",
                    where=where,
                    allowed="arguments that can be given by name, since a compiled model's inputs have names",
                )
            case _:
                named[name] = value
    return named


def rows(named: Mapping[str, Any], what: str) -> dict[str, NDArray[Any]]:
    """The arguments that are tensors, as arrays (n, *shape) with one n.

    Raises RefusedInput, calling the arguments `what`, for other types than float32 and int64, and for other shapes.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in named.items():
        if isinstance(value, Tensor):
            if value.dtype not in DTYPES or value.dim() == 0 or len(value) == 0:
                raise RefusedInput(
                    f"input '{name}' is {value.dtype} of shape {tuple(value.shape)}",
                    where=what,
                    allowed="float32, or int64 for token ids, with one row a sample; cast others inside forward",
                )
            arrays[name] = np.ascontiguousarray(value.detach().cpu().numpy())
    if len({len(values) for values in arrays.values()}) != 1:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items()) or "no tensors"
        raise RefusedInput(
            f"inputs of {shapes}", where=what, allowed="tensors with the same number of rows, at least 1"
        )
    return arrays


def logits_alone(_model: nn.Module, _args: object, output: Any) -> Any:
    """A forward hook: of outputs by name, those named `logits`."""
    return output["logits"] if isinstance(output, Mapping) and "logits" in output else output


def prepared(model: nn.Module, named: Mapping[str, Any]) -> nn.Module:
    """A copy on the CPU in fp32, for evaluation: called with the tensors alone, it gives its logits alone."""
    copied = copy.deepcopy(model).to("cpu", torch.float32).eval()
    constants = {name: value for name, value in named.items() if not isinstance(value, Tensor)}
    if constants:
        copied.register_forward_pre_hook(lambda _model, args, kwargs: (args, {**constants, **kwargs}), with_kwargs=True)
    copied.register_forward_hook(logits_alone)
    return copied
