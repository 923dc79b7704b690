"""The agent's task `energy`: one model without a pause, while another process writes down what the board takes.

A window of its own, so that reading the rails disturbs no latency, and so that they speak of this model alone.
"""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Dict

Json = Dict[str, Any]

PATIENCE_SECONDS = 10.0


def beside(name: str) -> Any:
    """Another of the programs that the host sends."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def perform(job: Json, sets: Json) -> list[Json]:
    """What the rails told from the window's begin to its end, and how many runs that was; null where nothing tells."""
    agent, rails = beside("agent"), beside("rails")
    results: list[Json] = []
    for spec in job["models"]:
        with agent.speaking_of(spec):
            if not rails.available():
                results.append({"power": None})
                continue
            model, feeds, warm = beside("unpaused").ready(agent, spec, job, sets)
            results.append({**warm, "power": window(agent, model, feeds, job)})
    return results


def window(agent: Any, model: Any, feeds: list[Any], job: Json) -> Json:
    """Run for so many seconds beside the writer."""
    rails, target = beside("rails"), Path(f"{job['name']}-rails.jsonl")
    command = [sys.executable, str(Path(__file__).with_name("rails.py")), str(target), str(job["interval_seconds"])]
    chunk = beside("unpaused").chunk_of(agent, model, feeds)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as writer:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and writer.poll() is None and not (target.exists() and target.stat().st_size):
            time.sleep(0.01)
        gc.disable()
        runs, began = 0, time.perf_counter_ns()
        while time.perf_counter_ns() - began < job["seconds"] * 1e9:
            agent.timed_runs(model, feeds, chunk, first=runs)
            runs += chunk
        ended = time.perf_counter_ns()
        gc.enable()
        time.sleep(job["interval_seconds"])  # so that a sample lies beyond the end too
        writer.send_signal(signal.SIGTERM)
    lines = target.read_text(encoding="utf-8").splitlines() if target.exists() else []
    samples = [json.loads(line) for line in lines if line.endswith("}")]
    return {"began_ns": began, "ended_ns": ended, "runs": runs, "samples": samples, "spans_uj": rails.spans()}
