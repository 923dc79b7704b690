"""The person's own network, as the stages want it: called by modality, giving logits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.entry import Entry
from l0gm_edge.core.errors import DataError, OwnCodeFailed
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.learn.batches import tensors
from l0gm_edge.pipeline import own_code
from l0gm_edge.pipeline.calling import logits_alone

KEY = "model.entry"


def build(entry: Entry, key: str = KEY) -> nn.Module:
    """What the entry's function makes, giving its logits alone.

    Raises OwnCodeFailed when it fails, or returns something that is no network.
    """
    made = own_code.call(entry, key)
    if not isinstance(made, nn.Module):
        raise OwnCodeFailed(
            f"{key}: {entry.entry} returned a {type(made).__name__}", allowed="a torch.nn.Module", where=entry.module
        )
    made.register_forward_hook(logits_alone)
    return made


def load_weights(model: nn.Module, path: Path, key: str) -> None:
    """Load a .safetensors file. Raises DataError when it is missing, or is not of this model."""
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(f"{key}: {error}", where=str(path), allowed="a .safetensors file of this model") from error


def require_fit(model: nn.Module, own: Entry, key: str, data: Dataset) -> None:
    """Run the model on two rows of the data.

    Raises OwnCodeFailed unless it takes the data's modalities by name and gives logits (n, classes) on the CPU.
    """
    _require_on_cpu(model, own, key)
    _require_names(model, own, key, data)
    rows = data.train.take(slice(0, 2))
    with evaluating(model), own_code.told(own, key):
        output = model(**tensors(rows)[0])
    expected = (len(rows), len(data.classes))
    if not isinstance(output, Tensor) or output.shape != expected or not output.is_floating_point():
        raise OwnCodeFailed(
            f"{key}: the model of {own.entry} gives {_told(output)} for {len(rows)} rows",
            where=f"{type(model).__name__}.forward",
            allowed=f"logits {expected}, or a mapping that holds them as 'logits': "
            f"data set {data.name} has {len(data.classes)} classes",
        )


def _require_on_cpu(model: nn.Module, own: Entry, key: str) -> None:
    for name, parameter in model.named_parameters():
        if parameter.device.type != "cpu" or parameter.dtype is not torch.float32:
            raise OwnCodeFailed(
                f"{key}: the model of {own.entry} is on {parameter.device} in {parameter.dtype}",
                where=name,
                allowed="parameters in torch.float32 on the CPU, where the stages train",
            )


def _require_names(model: nn.Module, own: Entry, key: str, data: Dataset) -> None:
    signature = inspect.signature(model.forward)
    try:
        signature.bind(**data.shapes)
    except TypeError as error:
        raise OwnCodeFailed(
            f"{key}: the model of {own.entry} is called with the data's modalities by name: {error}",
            where=f"{type(model).__name__}.forward{signature}",
            allowed=f"arguments named {', '.join(data.shapes)}, as data set {data.name} has them",
        ) from error


def _told(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"{output.dtype} {tuple(output.shape)}"
    names = f" of {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
    return f"a {type(output).__name__}{names}"
