"""A latency asked for, predicted, and delivered: three networks, two runtimes, three shares of the dense latency.

    python benchmarks/targets.py [--out DIR] [NETWORK ...]

A share is one of what the dense model takes above the runtime's fixed cost. Latency does not depend on weights, so the
networks are not trained; importance comes from the gradients of a few random batches. Each delivered file is the first
that was compiled of its model, and timed anew, beside the dense model and an almost empty one. Finished rows are kept
in DIR (default: runs/targets) and not made again; cost tables are kept as always. NETWORK is one of those in SHORT.
Needs a quiet machine: it stops, saying so, on another.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import dense
import torch
from result import Bar, Cell, at_most, write
from rich.console import Console
from torch import Tensor, nn

from l0gm_edge import backends, devices
from l0gm_edge.cli._progress import TerminalProgress
from l0gm_edge.compile import export
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.latency import block_percentile
from l0gm_edge.core.recipe import Gates, Measure, Target
from l0gm_edge.core.store import write_text
from l0gm_edge.cost.latency import Latency
from l0gm_edge.gates.session import Session
from l0gm_edge.measure import job, tasks
from l0gm_edge.pipeline import cuts, sizing, tabulating
from l0gm_edge.pipeline.cuts import Subject
from l0gm_edge.pipeline.tabulating import Tables
from l0gm_edge.prune.prune import multiples, prune

SHORT = {"mobilenet": "MobileNetV2", "text": "text transformer, 256 tokens", "fusion": "late fusion"}
SHARES = (0.75, 0.5, 0.3)
BATCHES, BATCH = 16, 32
FINAL = Measure(processes=8, blocks=20, runs_per_block=10)
MISSED = PREDICTED = 0.05
Row = dict[str, Cell]


def main(networks: Sequence[str], out: Path) -> int:
    """Make the rows that are missing, and hold all of them against the bars."""
    rows: list[Row] = []
    for network in networks:
        for runtime in dense.HARDWARE.runtimes:
            hardware = dense.HARDWARE.model_copy(update={"runtimes": (runtime,)})
            path = out / f"{network}-{runtime.name}.json"
            known: list[Row] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            for share in SHARES[len(known) :]:
                known.append(delivered(network, hardware, share))
                write_text(path, json.dumps(known, indent=2))
            rows += known
    return write("targets", rows, bars(rows))


def delivered(network: str, hardware: HardwareProfile, share: float) -> Row:
    """Ask for a share of the dense latency, and time what comes."""
    torch.manual_seed(0)
    model, example = dense.networks()[SHORT[network]]
    model.eval()
    target, gates = Target(latency_fraction=share), Gates(target=Target(latency_fraction=share), method="one_shot")
    subject = Subject.of(model, example, gates, hardware.channel_multiple)
    batch = {name: random_like(values) for name, values in example.items()}
    rows = {name: values.numpy() for name, values in batch.items()}
    with TerminalProgress(Console(stderr=True)) as progress:
        progress.stage(f"{network} {hardware.runtimes[0].name} {share}")
        found = tabulating.tabulate(subject, hardware, rows, progress=progress)
        latency = Latency(found.tables, subject.size, target)
        learner, _ = dense.networks()[SHORT[network]]
        session = Session(learner, example, gates, multiples(hardware.channel_multiple), latency=latency)
        observe(session, learner, example)
        kept, (sized,) = sizing.size(subject, session, latency, hardware, rows, progress)
    pruned = prune(learner, session, batch, "0" * 64, 0, kept)
    return figures(network, share, found) | {
        "parameters": pruned.plan.parameters_after / pruned.plan.parameters_before,
        "predicted / requested": sized.predicted_ms / sized.requested_ms,
        "when chosen / requested": sized.measured_ms / sized.requested_ms,
        **timed(subject, pruned.model, hardware, share, rows),
    }


def observe(session: Session, model: nn.Module, example: dict[str, Tensor]) -> None:
    """Let the gates watch a few random batches."""
    model.train()
    for _ in range(BATCHES):
        batch = {name: random_like(values) for name, values in example.items()}
        logits = model(**batch)
        nn.functional.cross_entropy(logits, torch.randint(logits.shape[1], (BATCH,))).backward()
        session.step()
    model.eval()


def random_like(values: Tensor) -> Tensor:
    """A batch of what one sample looks like: noise, or any of the tokens."""
    shape = (BATCH, *values.shape[1:])
    return torch.randn(shape) if values.is_floating_point() else torch.randint(1, int(values.max()) + 1, shape)


def figures(network: str, share: float, found: Tables) -> Row:
    """What the table says."""
    (table,), (missed,) = found.tables, found.accuracies
    return {
        "network": SHORT[network],
        "runtime": table.key.runtime,
        "asked for": share,
        "cuts": len(table.rows),
        "held-out error": missed.median,
        "held-out p90": missed.p90,
        "control": max(abs(ratio - 1) for ratio in table.control),
    }


def timed(subject: Subject, small: nn.Module, hardware: HardwareProfile, share: float, rows: dict[str, object]) -> Row:
    """The file of the cut model in a session of its own, beside the dense one and the floor."""
    (runtime,) = hardware.runtimes
    with tempfile.TemporaryDirectory() as scratch, devices.opened(hardware) as device:
        programs = {name: Path(scratch) / f"{name}.pt2" for name in ("dense", "small", "floor")}
        export.save_program(subject.model, subject.example, programs["dense"])
        export.save_program(small, subject.example, programs["small"])
        cuts.export_floor(subject, programs["floor"])
        job.put_programs(device)
        placed = []
        for name, program in programs.items():
            file = program.with_suffix(backends.plugin(runtime.name).SUFFIX)
            backends.plugin(runtime.name).convert(program, file)
            placed.append(tasks.put_model(device, name, runtime.name, hardware.threads, file))
        inputs = tasks.put_sets(device, {"samples": tasks.samples(rows)})
        times = tasks.time_interleaved(device, placed, inputs, FINAL)
    p50 = {name: median_ms(times[name]) for name in programs}
    requested = p50["floor"] + share * (p50["dense"] - p50["floor"])
    return {
        "dense ms": p50["dense"],
        "fixed ms": p50["floor"],
        "requested ms": requested,
        "measured ms": p50["small"],
        "measured / requested": p50["small"] / requested,
    }


def median_ms(timing: tasks.Timing) -> float:
    """p50 of all runs."""
    found = block_percentile(timing.blocks, 50)
    assert found is not None
    return found.value / 1e6


def bars(rows: Sequence[Row]) -> list[Bar]:
    """Each delivered model, and each table."""
    found = []
    for row in rows:
        what = f"{row['network']}, {row['runtime']}"
        found.append(
            at_most(f"{what}, {row['asked for']}: missed by", abs(float(row["measured / requested"]) - 1), MISSED)
        )
    for what, missed in {f"{row['network']}, {row['runtime']}": float(row["held-out error"]) for row in rows}.items():
        found.append(at_most(f"{what}: held-out error, median", missed, PREDICTED))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"some of {', '.join(SHORT)}")
    parser.add_argument("--out", type=Path, default=Path("runs/targets"), help="folder of finished rows")
    given = parser.parse_args()
    if unknown := set(given.networks) - set(SHORT):
        parser.error(f"there is no network {', '.join(sorted(unknown))}; allowed: {', '.join(SHORT)}")
    sys.exit(main(given.networks or list(SHORT), given.out))
