"""Times every layer of an engine: `python tensorrt_layers.py MODEL THREADS RUNS`; THREADS means nothing here.

Prints one JSON document: `{"layers": [{"name", "op", "mean_ns"}], "fallback_ops": []}`, from TensorRT's own profiler;
layers are those of the engine, into which nodes of the file are fused. Inputs are random or zero.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np

WARM_UP_RUNS = 20


def by_python(model: Any, path: str, runs: int) -> list[dict[str, Any]]:
    """Mean times of the layers over this many inferences after warm-up."""
    trt: Any = import_module(model.prepared(path).tool.name)
    taken: dict[str, list[float]] = {}

    class Profiler(trt.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            taken.setdefault(layer_name, []).append(ms)

    profiler = Profiler()
    fields = model.opened(path, profiler)
    fields["place"]({name: np.zeros(shape, kind) for name, (kind, shape) in fields["inputs"].items()})
    for _ in range(WARM_UP_RUNS + runs):
        fields["run"]()
    return [{"name": name, "ms": float(np.mean(times[WARM_UP_RUNS:]))} for name, times in taken.items()]


def kinds(layers: str | None) -> dict[str, str]:
    """What the inspector calls each layer of the engine."""
    told = json.loads(layers).get("Layers", []) if layers else []
    return {one["Name"]: str(one.get("LayerType", "layer")) for one in told if isinstance(one, dict) and "Name" in one}


def main() -> int:
    """Profile the engine of the model named on the command line."""
    path, _, runs = sys.argv[1:4]
    try:
        model = import_module("tensorrt_model")
        found = model.prepared(path)
        rows = model.by_trtexec(found).profile(int(runs)) if found.tool.program else by_python(model, path, int(runs))
    except Exception as error:  # whatever goes wrong is a reason, told in one line
        print(f"per-layer times are not available: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    ops = kinds(found.record["layers"])
    layers = [
        {"name": row["name"], "op": ops.get(row["name"], "layer"), "mean_ns": max(1, round(row["ms"] * 1e6))}
        for row in rows
    ]
    print(json.dumps({"layers": layers, "fallback_ops": []}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
