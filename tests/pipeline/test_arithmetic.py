"""Arithmetic of stages, and what is left of it afterwards."""

from __future__ import annotations

import pytest
import torch
from torch.utils import deterministic as memory

from l0gm_edge.pipeline.arithmetic import fixed_arithmetic


def settings() -> tuple[int, bool, bool]:
    return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory


def test_one_thread_and_deterministic_kernels_and_then_what_was_before() -> None:
    before = settings()
    with fixed_arithmetic():
        assert settings() == (1, True, False)
    assert settings() == before


def test_an_error_leaves_nothing_behind_either() -> None:
    before = settings()
    with pytest.raises(ZeroDivisionError), fixed_arithmetic():
        raise ZeroDivisionError
    assert settings() == before
