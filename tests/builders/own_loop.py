"""A person's own small model, data and training loop, and what of a model must stay as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

import l0gm_edge

X = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)
HALF = {"active_fraction": 0.5}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 24), nn.Dropout(0.1), nn.ReLU(), nn.Linear(24, 20), nn.ReLU(), nn.Linear(20, 3))


def train(model: nn.Module, session: l0gm_edge.AttachedSession, steps: int, optimizer: Any = None) -> None:
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(X), Y) + session.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        session.step()


def fingerprint(model: nn.Module) -> tuple[Any, ...]:
    """Everything of a model that must be as it was: weights and their identity, modes, hooks, own attributes."""
    return (
        {name: value.tolist() for name, value in model.state_dict().items()},
        [id(parameter) for parameter in model.parameters()],
        [module.training for module in model.modules()],
        [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()],
        [sorted(module.__dict__) for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
    )


@contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    before = fingerprint(model)
    yield
    assert fingerprint(model) == before


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
