"""Every scheme of every runtime on networks that were trained on real data: what each costs, what each brings, and
which one ships.

    python benchmarks/schemes.py [--out DIR] [--quick] [NETWORK ...]

Files are made as by `l0gm-edge compile`, then measured, checked and chosen as by `l0gm-edge run`; all files of a
network are timed interleaved, one thread, batch 1. Accuracy and ECE (after a temperature fitted on validation) are
those of the device's answers, SQNR is of its logits against torch's. `fast` is the share of operator time that XNNPACK
takes, or, in ONNX Runtime, kernels that compute in int8. w8a16, full_int8 and integer_only are left out: they are made
for NPUs, and w8a16 is ten times slower here.

Finished networks are kept in DIR (default: runs/schemes) and not made again; what was asked of some networks alone is
written there, too. Weights are kept in a cache (trained_nets.py); without it, training takes half an hour. Needs a
quiet machine and L0GM_EDGE_DATA.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from result import RESULTS, Bar, Cell, at_least, at_most, write
from rich.console import Console
from trained_nets import CACHE, NETWORKS, QUICK, Network, evenly

from l0gm_edge import backends, devices
from l0gm_edge.check import checks, trial
from l0gm_edge.check.choose import FLOATS, choose
from l0gm_edge.cli._progress import TerminalProgress
from l0gm_edge.compile import build as compiling
from l0gm_edge.compile import export
from l0gm_edge.core import load, scores
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.dataset import Split
from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.evidence import Labelled, Logits, Measured, side_by_side
from l0gm_edge.core.hardware import Budgets, HardwareProfile, Runtime
from l0gm_edge.core.latency import block_percentile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.profiled import shares
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Checks, Measure, Quantize
from l0gm_edge.core.store import read_value, write_text, write_value
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Choice
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.evaluate import logits
from l0gm_edge.measure import bench
from l0gm_edge.pipeline import mixing
from l0gm_edge.pipeline.shipping import SOUND
from l0gm_edge.quantize.calibration_set import calibration_set

Row = dict[str, Cell]
LEFT_OUT = ("w8a16", "full_int8", "integer_only")
ON_LABELLED = ("accuracy", "confidence")
LIMITS = Checks(max_accuracy_drop_points=0.5)
ROWS = {"validation": 1000, "test": 2500}
GAINS = {"onnxruntime": 1.3, "tflite": 1.8}
"""How many times faster than fp32 what ships is to be, by runtime: the geometric mean over the networks."""
INT8_KERNELS = ("QLinear", "QGemm", "Integer", "DynamicQuantizeMatMul", "Nhwc")


@dataclass(frozen=True)
class Setting:
    """What is run, and how much of it."""

    networks: Mapping[str, Network]
    hardware: HardwareProfile
    measure: Measure
    rows: Mapping[str, int]
    out: Path
    results: Path
    cache: Path = CACHE


class Made(Value):
    """The files of a network, and why others could not be made."""

    artifacts: tuple[Artifact, ...]
    lost: dict[str, str]


def profile(runtimes: Sequence[str], left_out: Sequence[str] = LEFT_OUT) -> HardwareProfile:
    """This machine with all schemes of these runtimes, and no budgets."""
    every = tuple(
        Runtime(name=name, schemes=tuple(one for one in backends.plugin(name).SCHEMES if one not in left_out))
        for name in runtimes
    )
    return load.hardware("host-cpu").model_copy(update={"runtimes": every, "budgets": Budgets()})


def quick(out: Path) -> Setting:
    """Seconds: one small network, one runtime, three schemes."""
    others = ("fp16", "mixed_int8", "w8a16", "weight_int8", "weight_int4")
    measure = Measure(processes=1, blocks=10, runs_per_block=2)
    rows = {"validation": 50, "test": 100}
    return Setting(QUICK, profile(("onnxruntime",), others), measure, rows, out, out, out / "cache")


def full(out: Path, networks: Sequence[str]) -> Setting:
    """These networks in every runtime; only all of them make the published result."""
    asked = {short: NETWORKS[short] for short in networks}
    results = RESULTS if set(networks) == set(NETWORKS) else out
    return Setting(asked, profile(tuple(GAINS)), Measure(), ROWS, out, results)


def main(setting: Setting) -> int:
    """Make the rows that are missing, and hold all of them against the bars."""
    rows: list[Row] = []
    with TerminalProgress(Console(stderr=True)) as progress:
        for short in setting.networks:
            rows += known_rows(short, setting, progress)
    return write("schemes", rows, bars(rows), setting.results)


def known_rows(short: str, setting: Setting, progress: Progress) -> list[Row]:
    """The rows of a network, made where they are not kept yet."""
    path = setting.out / short / "rows.json"
    if not path.is_file():
        progress.stage(short)
        write_text(path, json.dumps(network_rows(short, setting, progress), indent=2))
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def network_rows(short: str, setting: Setting, progress: Progress) -> list[Row]:
    """One network in every runtime and scheme."""
    network = setting.networks[short]
    dataset = network.load()
    model = network.trained(dataset, setting.cache)
    splits = {name: evenly(getattr(dataset, name), most) for name, most in setting.rows.items()}
    folder = setting.out / short
    calibration = calibration_set(dataset.calibration, Quantize())
    reference = {name: logits(model, split) for name, split in splits.items()}
    tried, wanted = splits["validation"], reference["validation"]

    def lost(found: Logits) -> str | None:
        return trial.lost_on_validation(found, wanted, tried.labels, LIMITS, setting.hardware.budgets)

    trials = mixing.Setting(setting.hardware, setting.measure, tried.inputs, lost)
    made = compiled(model, calibration, trials, folder, progress)
    evidence = measured(made, folder, splits, reference, setting, progress)
    choices = judged(evidence)
    title = network.title
    rows = [
        file_row(title, one, evidence, choice)
        for one, choice in zip(evidence.of_role(Role.COMPRESSED), choices, strict=True)
    ]
    return rows + [lost_row(title, *which.split(), why) for which, why in made.lost.items()]


def compiled(
    model: torch.nn.Module, calibration: Split, trials: mixing.Setting, folder: Path, progress: Progress
) -> Made:
    """Every file of a model in `folder`, with its facts; made once. The layers of `mixed_int8` are chosen by trials."""
    hardware = mixing.without(trials.hardware)
    facts = folder / "made.json"
    if facts.is_file():
        return read_value(Made, facts)
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "model.pt2"
    example, _ = tensors(calibration.take(slice(0, 1)))
    export.save_program(model, example, program)
    made: list[Artifact] = []
    lost: dict[str, str] = {}
    with progress.task("compile", sum(1 + len(compiling.schemes(one)) for one in hardware.runtimes)) as task:
        for runtime in hardware.runtimes:
            floats = runtime.model_copy(update={"schemes": (compiling.FLOAT,)})
            alone = hardware.model_copy(update={"runtimes": (floats,)})
            given = (calibration.inputs, Quantize(), None)
            (plain,) = compiling.build(program, Role.COMPRESSED, alone, *given, folder)
            made.append(plain)
            task.advance()
            for scheme in compiling.schemes(runtime):
                try:
                    made.append(compiling.quantized(folder / plain.path, Role.COMPRESSED, runtime, scheme, *given))
                except ExportFailed as error:
                    lost[f"{runtime.name} {scheme}"] = error.what
                task.advance()
    mixed, dropped = mixing.complete(made, folder, trials.hardware, calibration.inputs, Quantize(), trials)
    lost |= dict(reason.split(": ", 1) for reason in dropped)
    found = Made(artifacts=(*made, *mixed), lost=lost)
    write_value(facts, found)
    return found


def measured(
    made: Made,
    folder: Path,
    splits: Mapping[str, Split],
    reference: Mapping[str, Logits],
    setting: Setting,
    progress: Progress,
) -> Labelled:
    """What this machine says of the files, beside what torch says."""
    hardware, outputs = setting.hardware, folder / "outputs"
    inputs = {name: dict(split.inputs) for name, split in splits.items()}
    pairs = [(one, folder / one.path) for one in made.artifacts]
    with devices.opened(hardware) as device:
        found = bench.measure(device, hardware, pairs, inputs, setting.measure, outputs, progress)
    return Labelled(
        hardware=hardware,
        reference={role: dict(reference) for role in (Role.DENSE, Role.COMPRESSED)},
        measured=tuple(
            Measured(artifact, one, {name: np.load(outputs / path) for name, path in one.outputs.items()})
            for artifact, one in zip(made.artifacts, found, strict=True)
        ),
        labels={name: split.labels for name, split in splits.items()},
        limits=LIMITS,
    )


def judged(evidence: Labelled) -> tuple[Choice, ...]:
    """What ships, by the product's checks."""
    on_readings = [verdict for name in SOUND for verdict in checks.on_readings(name).check(evidence)]
    on_labelled = [verdict for name in ON_LABELLED for verdict in checks.on_labelled(name).check(evidence)]
    return choose(evidence, on_readings + on_labelled)


def file_row(title: str, one: Measured, evidence: Labelled, choice: Choice) -> Row:
    """What a file is, costs and brings."""
    twin = evidence.float_twin(one)
    floats = [
        ratio.value
        for other in evidence.measured
        if other.artifact.runtime == one.artifact.runtime and other.artifact.scheme in FLOATS
        if (ratio := side_by_side(one, other))
    ]
    p50 = block_percentile(one.measurement.blocks, 50)
    ratio = side_by_side(one, twin) if twin else None
    found = scores.score(one.outputs, evidence.labels)
    truth, expected = evidence.labels["test"], evidence.reference[Role.COMPRESSED]["test"]
    return {
        "network": title,
        "runtime": one.artifact.runtime,
        "scheme": one.artifact.scheme,
        "MB": one.artifact.size_bytes / 1e6,
        "p50 ms": p50.value / 1e6 if p50 else None,
        "/ fp32": ratio.value if ratio else None,
        "interval": f"{ratio.low:.3f} to {ratio.high:.3f}" if ratio else None,
        "/ best float": max(floats) if floats else None,
        "SQNR dB": sqnr_db(one.outputs["test"], expected),
        "accuracy %": 100 * found.accuracy,
        "points lost": 100 * (scores.accuracy(expected, truth) - found.accuracy),
        "ECE": found.ece_scaled,
        "fast": fast_share(one.measurement),
        "chosen": choice.chosen,
        "why": choice.why,
    }


def lost_row(title: str, runtime: str, scheme: str, why: str) -> Row:
    """A file that could not be made."""
    return {"network": title, "runtime": runtime, "scheme": scheme, "chosen": False, "why": f"Not made: {why}."}


def fast_share(measurement: Measurement) -> float | None:
    """Share of operator time in the runtime's fast path: XNNPACK's, or kernels in int8; None where it is not told."""
    told = zip(measurement.layers, shares(measurement.layers), strict=True)
    if not measurement.layers:
        return None
    if measurement.runtime == "onnxruntime":
        return sum(share for layer, share in told if any(kind in layer.op for kind in INT8_KERNELS))
    return sum(share for layer, share in told if layer.op not in measurement.fallback_ops)


def sqnr_db(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float | None:
    """Power of what was expected above that of the difference, in decibels; None without a difference."""
    lost = float(np.square(found.astype(np.float64) - expected).sum())
    return float(10 * np.log10(np.square(expected.astype(np.float64)).sum() / lost)) if lost else None


def bars(rows: Sequence[Row]) -> list[Bar]:
    """What ships is never slower than floats, loses next to nothing, and over all networks is that much faster."""
    found = []
    shipped = [row for row in rows if row["chosen"]]
    for row in shipped:
        what = f"{row['network']}, {row['runtime']}, {row['scheme']}"
        found.append(at_most(f"{what}: / best float", float(row["/ best float"] or 0), 1.0))
        found.append(at_most(f"{what}: points lost", float(row["points lost"] or 0), 0.5))
    pairs = {(row["network"], row["runtime"]) for row in rows}
    found.append(at_least("networks x runtimes with a file that ships", len(shipped), len(pairs)))
    for runtime in dict.fromkeys(row["runtime"] for row in rows):
        gains = [1 / float(row["/ fp32"] or 1) for row in shipped if row["runtime"] == runtime]
        mean = float(np.exp(np.mean(np.log(gains)))) if gains else 0.0
        found.append(at_least(f"{runtime}: fp32 / shipped, geometric mean", mean, GAINS[str(runtime)]))
    return found


def arguments(text: str | None, default: str) -> tuple[list[str], Path, bool]:
    """Networks, folder and whether to be quick, as the command line gives them."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"some of {', '.join(NETWORKS)}")
    parser.add_argument("--out", type=Path, default=Path(default), help="folder of finished networks")
    parser.add_argument("--quick", action="store_true", help="a small network, in seconds; results go to --out")
    given = parser.parse_args()
    if unknown := set(given.networks) - set(NETWORKS):
        parser.error(f"there is no network {', '.join(sorted(unknown))}; allowed: {', '.join(NETWORKS)}")
    return given.networks or list(NETWORKS), given.out, given.quick


if __name__ == "__main__":
    asked, folder, in_seconds = arguments(__doc__, "runs/schemes")
    sys.exit(main(quick(folder) if in_seconds else full(folder, asked)))
