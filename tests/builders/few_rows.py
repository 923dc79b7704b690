"""Data sets with few rows, as a person's own code gives them: for devices that take their time."""

from __future__ import annotations

from dataclasses import replace

from l0gm_edge import Dataset, data

TRAIN, RANGES, ASKED = 2000, 128, 60


def digits() -> Dataset:
    """The written digits, in two views."""
    return _few("digits")


def avmnist() -> Dataset:
    """Written and spoken digits."""
    return _few("avmnist")


def _few(name: str) -> Dataset:
    whole = data.load(name, None)
    return replace(
        whole,
        train=whole.train.take(slice(TRAIN)),
        calibration=whole.calibration.take(slice(RANGES)),
        validation=whole.validation.take(slice(ASKED)),
        test=whole.test.take(slice(ASKED)),
    )
