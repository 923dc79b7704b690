"""The shipped AV-MNIST recipe on the emulated Raspberry Pi: arm64 answers to the whole test split, and this machine's.

    python benchmarks/emulated_pi.py [--out DIR]

Switches the board on, walks the road by the command line, and asks this machine's runtimes the same. Needs AV-MNIST
(L0GM_EDGE_DATA) and what `make emulated-pi` needs. Nothing is timed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from dense import HARDWARE
from numpy.typing import NDArray
from result import Bar, Cell, at_least, at_most, write

from l0gm_edge import data, devices
from l0gm_edge.core import processes, store
from l0gm_edge.core.artifact import Artifact
from l0gm_edge.core.hardware import Execution
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.truth import Chain, Chains
from l0gm_edge.measure import bench
from l0gm_edge.pipeline.building import Artifacts
from l0gm_edge.pipeline.judging import MEASUREMENTS, WAYS, Measurements

ROOT = Path(__file__).parents[1]
RECIPE, PROFILE = ROOT / "recipes" / "avmnist.yaml", ROOT / "hardware" / "emulated-pi.yaml"
FLOAT_APART, STEPS_APART = 1e-5, 1.0
INTEGER_STEPS = 255
Row = dict[str, Cell]


def main(out: Path) -> int:
    """Run, compare, report; 0 when all bars hold."""
    with switched_on():
        command = [sys.executable, "-m", "l0gm_edge", "run", str(RECIPE), "--hardware", str(PROFILE)]
        ended = subprocess.run(
            [*command, "--out", str(out)], check=False, preexec_fn=processes.ending_with_this_one()
        ).returncode
    if ended not in (0, 1, 3):
        return ended
    artifacts = store.read_value(Artifacts, out / "compile" / "artifacts.json").artifacts
    there = store.read_value(Measurements, out / "measure" / MEASUREMENTS).measurements
    ways = {one.artifact: one for one in store.read_value(Chains, out / "measure" / WAYS).chains}
    far = {one.artifact: np.load(out / "measure" / one.outputs["test"]) for one in there if one.outputs}
    near = here([one for one in artifacts if one.name in ways], out)
    rows = [row(one, far[one.name], near[one.name], ways[one.name]) for one in artifacts if one.name in ways]
    return write("emulated_pi", rows, bars(rows))


def here(artifacts: Sequence[Artifact], out: Path) -> dict[str, NDArray[np.float32]]:
    """What this machine's runtimes answer to the test split."""
    untimed = HARDWARE.model_copy(update={"execution": Execution.FAKE})
    rows = dict(data.load("avmnist", None).test.inputs)
    files = [(one, out / "compile" / one.path) for one in artifacts]
    folder = out / "here"
    with devices.plugin("local").connect(untimed) as device:
        found = bench.measure(device, untimed, files, {"test": rows}, Measure(), folder)
    return {one.artifact: np.load(folder / one.outputs["test"]) for one in found}


def row(one: Artifact, there: NDArray[np.float32], near: NDArray[np.float32], way: Chain) -> Row:
    """How far both answers are apart: of the largest, and in steps of 8 bits over the range of all."""
    apart = float(np.abs(there - near).max())
    return {
        "artifact": one.name,
        "rows": len(there),
        "apart, of the largest": apart / float(np.abs(near).max()),
        "apart, steps of 8 bits": apart / (float(np.ptp(near)) / INTEGER_STEPS),
        "same answer": float((there.argmax(axis=1) == near.argmax(axis=1)).mean()),
        "answers part": way.told or "nowhere",
    }


def bars(rows: Sequence[Row]) -> list[Bar]:
    """Floats are within a rounding, integers within a step, and every answer is the same."""
    found = []
    for one in rows:
        floats = str(one["artifact"]).endswith("fp32")
        measure, limit = ("of the largest", FLOAT_APART) if floats else ("steps of 8 bits", STEPS_APART)
        found.append(at_most(f"{one['artifact']}: apart, {measure}", float(one[f"apart, {measure}"] or 0), limit))
        found.append(at_least(f"{one['artifact']}: same answer", float(one["same answer"] or 0), 1.0))
    return found


@contextmanager
def switched_on() -> Iterator[None]:
    """The board, on its port; its root is built when there is none yet."""
    serve = subprocess.Popen(
        [ROOT / "tools" / "emulated_pi" / "serve"],
        env=os.environ | {"PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=processes.ending_with_this_one(),
        start_new_session=True,
    )
    assert serve.stdout is not None
    try:
        if not any("answers on" in line for line in serve.stdout):
            raise SystemExit(f"the board did not start: status {serve.wait()}")
        yield
    finally:
        os.killpg(serve.pid, signal.SIGTERM)
        serve.wait(60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/emulated-pi"))
    sys.exit(main(parser.parse_args().out))
