"""The agent's task `offline`: how many samples a second when all of them are there at once, as MLPerf Inference has it.

The number of samples is settled before the clock starts, from how fast the first ones went; then the clock is read
twice, before and after all of them.
"""

from __future__ import annotations

import gc
import math
import time
from functools import partial
from importlib import import_module
from typing import Any, Dict

import numpy as np

Json = Dict[str, Any]

MARGIN = 1.1
"""More samples than the least time needs, as MLPerf's LoadGen has it."""
ATTEMPTS = 5


def beside(name: str) -> Any:
    """Another of the programs that the host sends."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def perform(job: Json, sets: Json) -> list[Json]:
    """Samples and nanoseconds of each model."""
    agent, results = beside("agent"), []
    for spec in job["models"]:
        with agent.speaking_of(spec):
            arranged = partial(batches, size=job["batch"])
            model, feeds, warm = beside("unpaused").ready(agent, spec, job, sets, arranged)
            results.append({**warm, "offline": offline(model, feeds, job)})
    return results


def batches(rows: list[Any], size: int) -> list[Any]:
    """As many batches as there are rows, which are repeated in each."""
    repeated = rows * (size + 1)
    return [
        {name: np.concatenate([row[name] for row in repeated[first : first + size]]) for name in rows[0]}
        for first in range(len(rows))
    ]


def offline(model: Any, feeds: list[Any], job: Json) -> Json:
    """Run all samples as often as it takes until they take the least time; the last attempt is told."""
    needed_ns, calls = job["min_seconds"] * 1e9, math.ceil(job["min_samples"] / job["batch"])
    taken = elapsed(model, feeds, 10) / 10
    gc.disable()
    for _ in range(ATTEMPTS):
        calls = max(calls, math.ceil(MARGIN * needed_ns / taken))
        whole = elapsed(model, feeds, calls)
        if whole >= needed_ns:
            break
        taken = whole / calls
    gc.enable()
    return {"samples": calls * job["batch"], "elapsed_ns": whole, "batch": job["batch"]}


def elapsed(model: Any, feeds: list[Any], calls: int) -> int:
    """Nanoseconds of so many calls, putting inputs in place included."""
    place, run, count = model.place, model.run, len(feeds)
    began = time.perf_counter_ns()
    for index in range(calls):
        place(feeds[index % count])
        run()
    return time.perf_counter_ns() - began
