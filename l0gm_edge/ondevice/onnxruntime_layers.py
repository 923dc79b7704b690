"""Times every operator of an .onnx file: `python onnxruntime_layers.py MODEL THREADS RUNS [GRAPH]`.

Prints one JSON document: `{"layers": [{"name", "op", "mean_ns"}], "fallback_ops": [], "graph": GRAPH}`, from ONNX
Runtime's own profile of the optimised graph, which is left as the file GRAPH where one is named. No operator falls back
to another provider, because only the CPU provider is asked for. Inputs are random. One file for Python 3.8, numpy and
onnxruntime.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

WARM_UP_RUNS = 20
SUFFIX = "_kernel_time"
# The profile holds whole microseconds, cut off; the middle of what it may have cut off is half of one.
CUT_OFF_NS = 500


def profile(model_path: str, threads: int, runs: int, graph: str | None = None) -> list[dict[str, Any]]:
    """The events of ONNX Runtime's profile of this many inferences after warm-up; the graph that ran goes to a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = "onnxruntime_layers"
    if graph is not None:
        options.optimized_model_filepath = graph
    session = onnxruntime.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])
    feed = {one.name: random_input(one.type, one.shape) for one in session.get_inputs()}
    for _ in range(WARM_UP_RUNS + runs):
        session.run(None, feed)
    path = Path(session.end_profiling())
    events: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return events


def random_input(onnx_type: str, shape: list[Any]) -> np.ndarray:
    """Normal numbers of a declared type and shape (free axes as 1); zeros where whole numbers are wanted."""
    kind = onnx_type[len("tensor(") : -1]
    dtype = np.dtype({"float": "float32", "double": "float64"}.get(kind, kind))
    fixed = [axis if isinstance(axis, int) and axis > 0 else 1 for axis in shape]
    if not np.issubdtype(dtype, np.floating):
        return np.zeros(fixed, dtype)
    return np.asarray(np.random.default_rng(0).standard_normal(fixed), dtype)


def summarize(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Mean time of each operator over the middle half of the runs after warm-up, in the order of the first run."""
    durations: dict[str, list[int]] = {}
    ops: dict[str, str] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(SUFFIX):
            name = event["name"][: -len(SUFFIX)]
            durations.setdefault(name, []).append(event["dur"])
            ops[name] = event["args"]["op_name"]
    layers = [
        {"name": name, "op": ops[name], "mean_ns": int(middle_mean(taken[WARM_UP_RUNS:]) * 1000) + CUT_OFF_NS}
        for name, taken in durations.items()
    ]
    return {"layers": layers, "fallback_ops": []}


def middle_mean(durations: list[int]) -> float:
    """The mean of the middle half: what interrupts a run now and then does not count."""
    ordered = np.sort(np.asarray(durations, dtype=np.float64))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def main() -> int:
    """Profile the model named on the command line."""
    model_path, threads, runs = sys.argv[1:4]
    graph = sys.argv[4] if len(sys.argv) > 4 else None
    try:
        found: dict[str, Any] = summarize(profile(model_path, int(threads), int(runs), graph))
    except Exception as error:  # whatever the runtime raises is a reason, told in one line
        print(f"per-operator times are not available: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(json.dumps({**found, "graph": graph}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
