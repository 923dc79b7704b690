"""Times every operator of an .onnx file: `python onnxruntime_layers.py MODEL THREADS RUNS [OPENING [GRAPH]]`.

Prints one JSON document: `{"layers": [{"name", "op", "mean_ns"}], "fallback_ops": [], "providers": [{"provider",
"nodes", "ns"}], "graph": GRAPH}`, from ONNX Runtime's own profile of the optimised graph, which is left as the file
GRAPH where one is named. OPENING is as a job has it; where it asks for another provider first, `fallback_ops` are the
kinds of operator that the CPU ran all the same. Inputs are random. For Python 3.8, numpy and onnxruntime.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

WARM_UP_RUNS = 20
SUFFIX = "_kernel_time"
# The profile holds whole microseconds, cut off; the middle of what it may have cut off is half of one.
CUT_OFF_NS = 500
CPU = "CPUExecutionProvider"


def profile(
    model_path: str, threads: int, runs: int, opening: dict[str, Any], graph: str | None
) -> tuple[list[dict[str, Any]], dict[str, int] | None]:
    """The events of ONNX Runtime's profile of this many inferences after warm-up, and how many of the model's nodes
    each provider took (None where this release does not tell)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = "onnxruntime_layers"
    if graph is not None:
        options.optimized_model_filepath = graph
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    sessions = import_module(f"{__package__}.onnxruntime_session" if __package__ else "onnxruntime_session")
    session = sessions.open_session(onnxruntime, model_path, threads, opening, options)
    feed = {one.name: random_input(one.type, one.shape) for one in session.get_inputs()}
    for _ in range(WARM_UP_RUNS + runs):
        session.run(None, feed)
    path = Path(session.end_profiling())
    events: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return events, assigned(session)


def assigned(session: Any) -> dict[str, int] | None:
    """Nodes by provider, as they were before neighbours were merged."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    taken: dict[str, int] = {}
    for part in session.get_provider_graph_assignment_info():
        taken[part.ep_name] = taken.get(part.ep_name, 0) + len(part.get_nodes())
    return taken


def random_input(onnx_type: str, shape: list[Any]) -> np.ndarray:
    """Normal numbers of a declared type and shape (free axes as 1); zeros where whole numbers are wanted."""
    kind = onnx_type[len("tensor(") : -1]
    dtype = np.dtype({"float": "float32", "double": "float64"}.get(kind, kind))
    fixed = [axis if isinstance(axis, int) and axis > 0 else 1 for axis in shape]
    if not np.issubdtype(dtype, np.floating):
        return np.zeros(fixed, dtype)
    return np.asarray(np.random.default_rng(0).standard_normal(fixed), dtype)


def summarize(
    events: list[dict[str, Any]], nodes: dict[str, int] | None, opening: dict[str, Any]
) -> dict[str, list[Any]]:
    """Mean time of each operator over the middle half of the runs after warm-up, in the order of the first run; and of
    each provider."""
    durations: dict[str, list[int]] = {}
    ops: dict[str, str] = {}
    ran_by: dict[str, str] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(SUFFIX):
            name = event["name"][: -len(SUFFIX)]
            durations.setdefault(name, []).append(event["dur"])
            ops[name] = event["args"]["op_name"]
            ran_by[name] = event["args"].get("provider", CPU)
    layers = [
        {"name": name, "op": ops[name], "mean_ns": int(middle_mean(taken[WARM_UP_RUNS:]) * 1000) + CUT_OFF_NS}
        for name, taken in durations.items()
    ]
    wanted = next(iter(opening.get("providers") or {CPU: {}}))
    fallen = {ops[name] for name, provider in ran_by.items() if provider == CPU != wanted}
    providers: list[dict[str, Any]] = [
        {
            "provider": provider,
            "nodes": (nodes or {}).get(provider, list(ran_by.values()).count(provider)),
            "ns": sum(layer["mean_ns"] for layer in layers if ran_by[str(layer["name"])] == provider),
        }
        for provider in dict.fromkeys([wanted, *ran_by.values()])
    ]
    return {"layers": layers, "fallback_ops": sorted(fallen), "providers": providers}


def middle_mean(durations: list[int]) -> float:
    """The mean of the middle half: what interrupts a run now and then does not count."""
    ordered = np.sort(np.asarray(durations, dtype=np.float64))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def main() -> int:
    """Profile the model named on the command line."""
    model_path, threads, runs, *given = sys.argv[1:]
    opening = json.loads(given[0]) if given else {}
    graph = given[1] if len(given) > 1 else None
    try:
        found = summarize(*profile(model_path, int(threads), int(runs), opening, graph), opening)
    except Exception as error:  # whatever the runtime raises is a reason, told in one line
        print(f"per-operator times are not available: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(json.dumps({**found, "graph": graph}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
