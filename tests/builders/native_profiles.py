"""Profiles whose models run in the stand-in for `benchmark_model`, and made-up aggregates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import benchmark_stand_in
import profiles
import yaml

from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.profiled import AggregateProfile


def write(folder: Path, dialect: str = "tflite", *, name: str = "phone", **keys: Any) -> Path:
    """A profile's file with its runner beside it, named by a relative path; `keys` are the profile's, `runner`'s are
    added to its own."""
    _, sha256 = benchmark_stand_in.write(folder / f"benchmark-{dialect}", dialect)
    runner = {"path": f"benchmark-{dialect}", "sha256": sha256} | keys.pop("runner", {})
    document = {
        "name": name,
        "title": "A phone",
        "runtimes": [{"name": "tflite", "schemes": ["fp32"], "runner": runner}],
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document | keys), encoding="utf-8")
    return path


def aggregates(**changes: Any) -> Aggregates:
    """A process of 50 runs of about 2 ms."""
    plain = {
        "runs": 50,
        "first_ns": 2_100_000,
        "min_ns": 1_900_000,
        "max_ns": 3_000_000,
        "mean_ns": 2_000_000.0,
        "deviation_ns": 100_000.0,
        "p5_ns": 1_950_000,
        "median_ns": 1_990_000,
        "p95_ns": 2_500_000,
        "warmup_runs": 20,
        "cold_ns": 9_000_000,
        "init_ns": 4_000_000,
        "memory_growth_bytes": 20_000_000,
    }
    return Aggregates.model_validate(plain | changes)


def profile(**changes: Any) -> AggregateProfile:
    """What such a runner told of a model in two processes."""
    plain = profiles.profile().model_dump(include=set(AggregateProfile.model_fields))
    plain |= {"runtime_version": "benchmark_model, sha256 0123456789ab"}
    return AggregateProfile.model_validate(
        plain | {"processes": (aggregates(), aggregates(init_ns=5_000_000))} | changes
    )
