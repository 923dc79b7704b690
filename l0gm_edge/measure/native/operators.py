"""The operator times that `benchmark_model` writes as CSV (`--enable_op_profiling`, `--profiling_output_csv_file`).

The tables are those of TensorFlow's stats_calculator.cc. The delegate's own operators stand in a table of their own;
they take the place of the delegate's node, which would count them twice.
"""

from __future__ import annotations

import math
import re

from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.profiled import OperatorTimes

MOST_BYTES = 8 << 20
RUNS = "Operator-wise Profiling Info for Regular Benchmark Runs:"
INTERNAL = "Delegate internal:"
ORDER = re.compile(r"=+ Run Order =+")
_NODE = re.compile(r"\[(?P<name>.*)\]:(?P<node>\d{1,9})")
_INSIDE = re.compile(r"Delegate/(?P<op>.*):\d{1,9}")
MS = 1e6


def read(text: str) -> OperatorTimes:
    """The operators in the order they ran; `unavailable` says why where the text holds no sound table of them."""
    _, found, runs = text.partition(RUNS)
    if not found:
        return OperatorTimes(unavailable="the runner wrote no table of operators")
    graph, _, internal = runs.partition(INTERNAL)
    try:
        nodes, inside = _table(graph), _table(internal)
    except ValueError as error:
        return OperatorTimes(unavailable=f"the runner's table of operators cannot be read: {error}")
    if not nodes:
        return OperatorTimes(unavailable="the runner's table of operators is empty")
    at = next((index for index, one in enumerate(nodes) if _delegates(one)), None)
    if at is None:
        return OperatorTimes(layers=tuple(nodes))
    own = [one for one in nodes if not _delegates(one)]
    fallen = tuple(dict.fromkeys(one.op for one in own))
    layers = [*nodes[:at], *inside, *(one for one in nodes[at:] if not _delegates(one))] if inside else nodes
    return OperatorTimes(layers=tuple(layers), fallback_ops=fallen)


def _delegates(one: LayerTime) -> bool:
    return "Delegate" in one.op


def _table(text: str) -> list[LayerTime]:
    """The first table by run order. Raises ValueError for a line that does not have the columns of its head."""
    lines = iter(text.split("\n"))
    if not any(ORDER.fullmatch(line.strip()) for line in lines):
        return []
    head = next(lines, "").strip().split(", ")
    if not {"node type", "avg_ms", "times called"} <= set(head) or head[-1] != "name":
        raise ValueError("its head names other columns")
    rows = []
    for line in lines:
        if not line.strip():
            break
        cells = dict(zip(head, line.strip().split(", ", len(head) - 1), strict=False))
        rows.append(_row(cells))
    return rows


def _row(cells: dict[str, str]) -> LayerTime:
    if "name" not in cells:
        raise ValueError("a line is cut short")
    mean_ms, times = float(cells["avg_ms"]), int(cells["times called"])
    if not (math.isfinite(mean_ms) and 0 <= mean_ms < MS) or not 0 <= times < MS:
        raise ValueError("a time makes no sense")
    name, op = cells["name"], cells["node type"]
    node, inside = _NODE.fullmatch(name), _INSIDE.fullmatch(name)
    return LayerTime(
        name=node["name"] if node else name,
        op=inside["op"] if inside else op,
        mean_ns=max(1, round(mean_ms * MS * max(1, times))),
        node=int(node["node"]) if node else None,
    )
