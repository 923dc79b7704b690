"""Arithmetic that gives the same bits on every machine of a kind, whatever its core count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic as _deterministic

memory: Any = _deterministic  # torch sets its attributes on the module's class, which type checkers do not see


@contextmanager
def fixed_arithmetic() -> Iterator[None]:
    """One thread and deterministic kernels while the context lasts; the process's own settings come back after.

    Fresh memory is not filled first, as torch otherwise does beside deterministic kernels: no result depends on that,
    and it takes a twentieth of a training step.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=deterministic)
        memory.fill_uninitialized_memory = filled
