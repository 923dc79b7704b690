"""The agent's task `stream`: one inference after the other for so long and so often, told in windows of time.

Each window keeps an evenly spread part of its latencies, and what the system said of itself when it ended. A line of
JSON on standard output tells of each as it ends.
"""

from __future__ import annotations

import gc
import json
import time
from array import array
from importlib import import_module
from typing import Any, Dict

Json = Dict[str, Any]


def beside(name: str) -> Any:
    """Another of the programs that the host sends."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def perform(job: Json, sets: Json) -> list[Json]:
    """The windows of each model, one model after the other."""
    agent, results = beside("agent"), []
    for spec in job["models"]:
        with agent.speaking_of(spec):
            model, feeds, warm = beside("unpaused").ready(agent, spec, job, sets)
            results.append({**warm, "windows": stream(agent, model, feeds, job)})
    return results


def stream(agent: Any, model: Any, feeds: list[Any], job: Json) -> list[Json]:
    """Run until both the least time and the least number of runs are reached."""
    clock, conditions, watch = time.perf_counter_ns, beside("conditions").conditions, beside("held_back").Watch()
    chunk, windows, runs = beside("unpaused").chunk_of(agent, model, feeds), [], 0
    gc.disable()
    begun = clock()

    def wanting() -> bool:
        return bool(runs < job["min_runs"] or clock() - begun < job["min_seconds"] * 1e9)

    while wanting():
        taken, began = array("q"), clock()
        while wanting() and clock() - began < job["window_seconds"] * 1e9:
            taken.extend(agent.timed_runs(model, feeds, chunk, first=runs))
            runs += chunk
        ended = clock()
        state = conditions()
        kept = taken[:: -(-len(taken) // job["most_kept"])].tolist()
        moment = {"p50_ms": sorted(kept)[len(kept) // 2] / 1e6, "temperature_c": state["temperature_c"]}
        print(json.dumps(moment), flush=True)
        windows.append(
            {
                "began_ns": began - begun,
                "ended_ns": ended - begun,
                "runs": len(taken),
                "latencies_ns": kept,
                "state": {**state, "throttled": sorted({*state["throttled"], *watch.reasons()})},
            }
        )
    gc.enable()
    return windows
