"""Whether a model can be looked at at all: it runs, on one device, and gives the same outputs for the same inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.gates.activations import tensors
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.inputs import Inputs
from l0gm_edge.gates.multihead import layer_by_layer
from l0gm_edge.gates.trace import Trace

COARSE = (torch.float16, torch.bfloat16)


def require_sound(model: nn.Module, inputs: Inputs, look: Callable[[], Trace]) -> Trace:
    """What `look` finds of a model, once it has given the same outputs without and under the look.

    Raises RefusedInput when the model or its inputs lie on several devices, or the outputs are not the same; and
    ExportFailed when the model does not run.
    """
    _require_one_device(model, inputs)
    before = _run(model, inputs)
    try:
        found = look()
    except Exception as error:
        raise _does_not_run(model, error) from error
    if _same(before, found.outputs):
        return found
    first: dict[str, list[Tensor]] = {}
    second: dict[str, list[Tensor]] = {}
    if _same(_run(model, inputs, first), _run(model, inputs, second)):
        return found  # only rounding, as fused and plain paths of one layer differ
    changed = next((path for path in first if not _same(first[path], second.get(path, []))), type(model).__name__)
    raise RefusedInput(
        f"two evaluations of the model on the same inputs differ, from module '{changed}' on",
        where=type(model).__name__,
        allowed="a forward pass that gives the same outputs in evaluation mode",
        todo="let it draw random numbers and keep state in training mode only (`if self.training`)",
    )


def _run(model: nn.Module, inputs: Inputs, seen: dict[str, list[Tensor]] | None = None) -> list[Tensor]:
    """The outputs of the model; `seen` gathers those of its innermost modules, each at its last call."""

    def keep(path: str, out: object) -> None:
        if seen is not None:
            seen[path] = [one.clone() for one in tensors(out)]

    handles = [
        module.register_forward_hook(lambda _module, _args, out, path=path: keep(path, out))
        for path, module in model.named_modules()
        if seen is not None and path and not any(module.children())
    ]
    try:
        with evaluating(model), layer_by_layer(model):
            return [tensor.clone() for tensor in tensors(inputs.call(model))]
    except Exception as error:  # whatever the model's own code raises
        raise _does_not_run(model, error) from error
    finally:
        for handle in handles:
            handle.remove()


def _does_not_run(model: nn.Module, error: Exception) -> ExportFailed:
    return ExportFailed(
        f"the model does not run on the example inputs: {type(error).__name__}: {error}",
        where=type(model).__name__,
        todo="call the model once with the same inputs, in evaluation mode, and mend what it says",
    )


def _require_one_device(model: nn.Module, inputs: Inputs) -> None:
    places: dict[torch.device, str] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        places.setdefault(tensor.device, name)
    if len(places) > 1:
        told = ", ".join(f"'{name}' on {device}" for device, name in places.items())
        raise RefusedInput(
            f"the model lies on several devices: {told}",
            where=type(model).__name__,
            allowed="a model on one device",
            todo="model.to(device) before gates are attached; shard it afterwards",
        )
    for tensor in tensors([inputs.args, inputs.kwargs]):
        if places and tensor.dim() and tensor.device not in places:
            raise RefusedInput(
                f"the example inputs are on {tensor.device}, the model is on {next(iter(places))}",
                where="example_inputs",
                allowed="model and inputs on one device",
            )


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(_close, one, other))


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if not one.is_floating_point():
        return torch.equal(one, other)
    scale = float(one.abs().nan_to_num(0, 0, 0).max()) if one.numel() else 0.0
    bound = 5e-2 if one.dtype in COARSE else 1e-3
    return torch.allclose(one, other, rtol=0, atol=bound * scale + 1e-30, equal_nan=True)
