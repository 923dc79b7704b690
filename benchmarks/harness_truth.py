"""Our p50 beside that of the runtimes' own benchmark loops, written plainly (`peers/plain_*.py`).

    python benchmarks/harness_truth.py [--repetitions 40] [NETWORK ...]

Each repetition times one file in two fresh processes, one of the agent and one of the plain loop, in random order.
NETWORK is one of those in NETWORKS.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import dense
import torch
from result import Bar, Cell, at_most, write

from l0gm_edge import backends, devices
from l0gm_edge.compile import export
from l0gm_edge.core import latency
from l0gm_edge.core.measurement import Block
from l0gm_edge.core.recipe import Measure
from l0gm_edge.devices import Device
from l0gm_edge.measure import job, tasks
from l0gm_edge.measure.job import ModelFile

NETWORKS = ("late fusion", "MobileNetV2", "ResNet-20", "text transformer, 64 tokens", "text transformer, 256 tokens")
PLAIN = {"onnxruntime": "plain_onnxruntime.py", "tflite": "plain_litert.py"}
SETTINGS = Measure(processes=1, blocks=20, runs_per_block=10)
RUNS = SETTINGS.blocks * SETTINGS.runs_per_block
APART = 0.02
Row = dict[str, Cell]


def main(networks: Sequence[str], repetitions: int) -> int:
    """Time every network in every runtime; 0 when all are near enough."""
    torch.manual_seed(0)
    known, rows = dense.networks(), list[Row]()
    with tempfile.TemporaryDirectory() as folder, devices.opened(dense.HARDWARE) as device:
        job.put_programs(device)
        for name in networks:
            model, example = known[name]
            program = Path(folder) / "model.pt2"
            export.save_program(model.eval(), example, program)
            for runtime in PLAIN:
                file = Path(folder) / f"{runtime}{backends.plugin(runtime).SUFFIX}"
                backends.plugin(runtime).convert(program, file)
                rows.append(row(name, runtime, device, file, repetitions))
                print(rows[-1], flush=True)
    return write("harness_truth", rows, [bar(one) for one in rows])


def row(network: str, runtime: str, device: Device, file: Path, repetitions: int) -> Row:
    """Both p50 and their ratio, over all repetitions."""
    placed = tasks.put_model(device, "model", runtime, 1, file)
    found: dict[str, list[Block]] = {"ours": [], "plain": []}
    order = random.Random(0)
    for number in range(repetitions):
        for side in order.sample(list(found), len(found)):
            taken = ours(device, placed) if side == "ours" else plain(runtime, file)
            found[side].append(Block(process=number, round=0, latencies_ns=tuple(taken)))
    ratio = latency.ratio(found["ours"], found["plain"])
    assert ratio is not None
    medians = {side: latency.block_percentile(blocks, 50) for side, blocks in found.items()}
    return {
        "network": network,
        "runtime": runtime,
        **{f"{side}, p50 ms": one.value / 1e6 if one else None for side, one in medians.items()},
        "ours / plain": ratio.value,
        "interval": f"{ratio.low:.4f} to {ratio.high:.4f}",
        "repetitions": repetitions,
    }


def ours(device: Device, model: ModelFile) -> list[int]:
    """A process of the agent, as `l0gm-edge profile` starts it."""
    timing = tasks.time_interleaved(device, [model], {}, SETTINGS)[model.name]
    return [ns for block in timing.blocks for ns in block.latencies_ns]


def plain(runtime: str, file: Path) -> list[int]:
    """A process of the plain loop."""
    program = Path(__file__).parent / "peers" / PLAIN[runtime]
    done = subprocess.run([sys.executable, program, file, str(RUNS)], capture_output=True, text=True, check=True)
    taken: list[int] = json.loads(done.stdout)
    return taken


def bar(found: Row) -> Bar:
    """How far the ratio is from one."""
    away = abs(float(found["ours / plain"] or 0) - 1)
    return at_most(f"{found['network']}, {found['runtime']}: |ours / plain - 1|", away, APART)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=NETWORKS)
    parser.add_argument("--repetitions", type=int, default=40)
    asked = parser.parse_args()
    sys.exit(main(asked.networks, asked.repetitions))
