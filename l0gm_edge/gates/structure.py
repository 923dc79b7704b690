"""What architecture a model is, whatever its weights."""

from __future__ import annotations

from torch import nn

from l0gm_edge.core import store


def structure_sha256(model: nn.Module) -> str:
    """Digest of a model's architecture: its modules, and the shapes of its parameters and buffers; not their values."""
    modules = [(path, type(module).__name__, module.extra_repr()) for path, module in model.named_modules()]
    shapes = [(name, tuple(value.shape)) for name, value in model.state_dict().items()]
    return store.text_sha256(repr((modules, shapes)))
