"""What the regression gate says of a model against itself, and against one that is 3 or 5 % slower, over many runs.

    python benchmarks/gate_power.py [--same 200] [--slower 40] [--report]

The models are chains of linear layers of about 1 ms on one thread; in the slower ones a layer is wider. The gate has
the first core, and the others are kept busy all the while. Every run of the gate is one line of
results/gate_power.jsonl, kept when it is done, so that the whole may be made in pieces and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from result import RESULTS, Bar, Cell, at_least, at_most, write

from l0gm_edge.core import load
from l0gm_edge.core.verdict import Status
from l0gm_edge.pipeline.comparing import compare

CACHE = RESULTS / "gate_power.jsonl"
WIDTH, LAYERS = 512, 10
WIDER = {"the same": 0, "3 % slower": 80, "5 % slower": 128}
"""Units by which one layer is wider; each adds 2 x WIDTH of LAYERS x WIDTH² multiplications."""
BUSY = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.nice(19)\nwhile True: pass"
"""Lowest priority: whoever else works on that core keeps it as busy."""
Line = dict[str, Cell]


def main(arguments: list[str]) -> int:
    """Run what is not there yet; report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--same", type=int, default=200)
    parser.add_argument("--slower", type=int, default=40)
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args(arguments)
    if not asked.report:
        wanted = {name: asked.slower if wider else asked.same for name, wider in WIDER.items()}
        with tempfile.TemporaryDirectory() as folder, others_busy():
            for number in range(max(wanted.values())):
                for name in (one for one, times in wanted.items() if number < times):
                    if (name, number) not in {(line["candidate"], line["run"]) for line in read()}:
                        keep(gate(Path(folder), name, number))
    return report(read())


def gate(folder: Path, name: str, number: int) -> Line:
    """One run of the gate."""
    paths = [write_chain(folder / f"{kind}.onnx", wider) for kind, wider in (("old", 0), ("new", WIDER[name]))]
    began = time.perf_counter()
    (pair,) = compare(*map(str, paths), load.hardware("host-cpu")).pairs
    latency, control = pair.verdict("latency"), pair.verdict("control")
    assert latency is not None
    assert control is not None
    return {
        "candidate": name,
        "run": number,
        "status": latency.status,
        "gate": pair.status,
        "ratio": latency.value,
        "control": control.value,
        "sessions": len(pair.sessions),
        "seconds": round(time.perf_counter() - began, 1),
    }


def write_chain(path: Path, wider: int) -> Path:
    """Linear layers of WIDTH, each with a rectifier; the fifth gives `wider` more units."""
    draw = np.random.default_rng(0)
    widths = [WIDTH] * (LAYERS + 1)
    widths[5] += wider
    nodes, weights = [], []
    for index in range(LAYERS):
        values = draw.normal(size=(widths[index], widths[index + 1])).astype(np.float32) / widths[index] ** 0.5
        weights.append(numpy_helper.from_array(values, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [f"x{index}", f"w{index}"], [f"y{index}"], f"layer{index}"))
        nodes.append(helper.make_node("Relu", [f"y{index}"], [f"x{index + 1}"], f"relu{index}"))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])
        for name, width in (("x0", widths[0]), (f"x{LAYERS}", widths[-1]))
    ]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@contextmanager
def others_busy() -> Iterator[None]:
    """Every core but the first, which is ours, has something else to do."""
    first, *rest = range(os.cpu_count() or 1)
    os.sched_setaffinity(0, {first})
    others = [subprocess.Popen([sys.executable, "-c", BUSY, str(core)]) for core in rest]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


def report(lines: list[Line]) -> int:
    """How often each candidate passed, failed and stayed open, against what is promised."""
    rows = [row([line for line in lines if line["candidate"] == name], name) for name in WIDER]
    found = {str(one["candidate"]): one for one in rows if one["runs"]}
    bars: list[Bar] = []
    if "the same" in found:
        bars.append(at_most("false alarms, share of runs against itself", share(found["the same"], "FAIL"), 0.01))
    for name, least in (("5 % slower", 0.95), ("3 % slower", 0.8)):
        if name in found:
            bars.append(at_least(f"{name}: caught, share of runs", share(found[name], "FAIL"), least))
    if lines:
        bars.append(at_most("seconds of a run, at most", max(float(line["seconds"] or 0) for line in lines), 60))
    return write("gate_power", rows, bars)


def row(lines: list[Line], name: str) -> Line:
    """One candidate's runs."""
    found: Line = {"candidate": name, "runs": len(lines)}
    for status in Status:
        found[status] = sum(line["status"] == status for line in lines)
    for figure in ("ratio", "control", "sessions", "seconds"):
        values = [float(line[figure]) for line in lines if line[figure] is not None]  # type: ignore[arg-type]
        found[f"{figure}, median"] = median(values) if values else None
        if figure in ("ratio", "seconds") and values:
            found[f"{figure}, worst"] = max(values)
    return found


def share(found: Line, status: str) -> float:
    """The share of a candidate's runs that ended so."""
    return float(found[status] or 0) / float(found["runs"] or 1)


def read() -> list[Line]:
    """The lines there are."""
    return [json.loads(line) for line in CACHE.read_text(encoding="utf-8").splitlines()] if CACHE.is_file() else []


def keep(line: Line) -> None:
    """Append one line."""
    print(line, flush=True)
    with CACHE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
