"""Gates on models from `transformers` as they come, randomly initialised, of their default size: what is found, how
long `attach` and `describe` take, how exactly random cuts equal the gated model, and whether these export.

    python benchmarks/zoo.py [MODEL ...]
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from result import Bar, Cell, at_most, write
from torch import nn

import l0gm_edge
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.inputs import Example
from l0gm_edge.gates.layout import Layout

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "builders"))
import foreign_models
from closed_gates import cut_and_compared

CLOSED_SETS = 3
MOST_S = 5.0
MOST_DIFFERENCE = 1e-5


def main(names: list[str]) -> int:
    """Look at every model; the bars are the time to attach and describe, and exactness."""
    rows: list[dict[str, Cell]] = []
    bars: list[Bar] = []
    for name in names or list(foreign_models.MODELS):
        row = looked_at(name)
        print(row, file=sys.stderr)
        rows.append(row)
        bars.append(at_most(f"{name}: attach and describe, seconds", float(row["attach_describe_s"] or 0), MOST_S))
        bars.append(at_most(f"{name}: cut against gated", float(row["worst_difference"] or 0), MOST_DIFFERENCE))
        bars.append(Bar(f"{name}: the cut model exports", float(bool(row["exported"])), 1.0, bool(row["exported"])))
        gc.collect()
    return write("zoo", rows, bars)


def looked_at(name: str) -> dict[str, Cell]:
    """One row of the table."""
    torch.manual_seed(0)
    model, example = foreign_models.MODELS[name](tiny=False)
    foreign_models.randomise(model.eval())
    with torch.no_grad():
        model(**example)  # the first call of a model is slower than others
    seconds, described = attached(model, example)
    found = survey(model, example)
    layout = Layout.of(found.sites)
    worst, exported = 0.0, True
    for seed in range(CLOSED_SETS):
        small, _, difference = cut_and_compared(model, layout, example, seed)
        worst = max(worst, difference)
        exported = exported and (seed > 0 or exports(small, example))
    kinds = Counter(site.kind for site in found.sites)
    return {
        "model": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sites": ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
        "units": layout.units,
        "units_left_whole": sum(one.width for one in found.skipped),
        "attach_describe_s": seconds,
        "lines_described": described,
        "worst_difference": worst,
        "exported": exported,
    }


def attached(model: nn.Module, example: Example) -> tuple[float, int]:
    """Seconds that `attach` and `describe` take, and the lines that are told."""
    started = time.perf_counter()
    session = l0gm_edge.attach(model, example, {"active_fraction": 0.5})
    told = str(session.describe())
    seconds = time.perf_counter() - started
    session.close()
    return seconds, len(told.splitlines())


def exports(small: nn.Module, example: dict[str, torch.Tensor]) -> bool:
    """Whether a model goes through torch.export into an ONNX file."""
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        try:
            program = torch.export.export(small.eval(), (), example)
            torch.onnx.export(program, (), str(Path(folder) / "model.onnx"), dynamo=True, verbose=False)
        except Exception as error:  # the row says so
            print(f"{type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
