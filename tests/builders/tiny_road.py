"""The road at its shortest: a tiny recipe and profile, one scheme a runtime so that the choice is always the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

RECIPE = """\
name: tiny
data: {name: digits}
model:
  encoders:
    image: {encoder: image, widths: [8, 8], out: 8}
    table: {encoder: tabular, widths: [16], out: 8}
  latent: 16
moe: {experts: 3, top_k: 2, hidden: 8}
gates: {target: {active_fraction: 0.5}}
learn: {steps: 60, batch_size: 64, lr: 5.0e-3, checkpoint_every: 5}
distill: {weight: 0.5}
quantize: {calibration_size: 16}
measure: {processes: 1, blocks: 2, runs_per_block: 2}
checks: {max_accuracy_drop_points: 100, max_ece_increase: 1}
"""


def profile(*runtimes: str) -> str:
    """A profile of this machine for these runtimes, in fp32 only."""
    lines = "".join(f"  - {{name: {runtime}, schemes: [fp32]}}\n" for runtime in runtimes)
    return f"name: bench\ntitle: A bench\nruntimes:\n{lines}channel_multiple: {{convolution: 4}}\n"


def write(folder: Path, *runtimes: str) -> tuple[Path, Path]:
    """Recipe and profile as files."""
    recipe, hardware = folder / "tiny.yaml", folder / "bench.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    hardware.write_text(profile(*runtimes), encoding="utf-8")
    return recipe, hardware


def command(files: tuple[Path, Path], out: Path) -> list[str]:
    """The command line that walks the road."""
    recipe, hardware = files
    return [sys.executable, "-m", "l0gm_edge", "run", str(recipe), "--hardware", str(hardware), "--out", str(out)]


def process(folder: Path, last: str) -> BaseProcess:
    """A process, not yet started, that makes a run folder's stages up to `last`; it finds torch already imported."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["l0gm_edge.pipeline.learning", "l0gm_edge.pipeline.building", "torch._dynamo"])
    return context.Process(target=_make, args=(folder, last))


def wait_until(happened: Callable[[], bool], still_running: Callable[[], bool], seconds: float = 300) -> bool:
    """Look every few milliseconds until something happened; False when the process ended before it was seen."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        if not still_running():
            return happened()
        time.sleep(0.002)
    return True


def _make(folder: Path, last: str) -> None:
    from l0gm_edge.pipeline import run_stage

    run_stage(folder, last)
