"""The whole road on real data: each shipped recipe on this machine, and what comes out against what was promised.

    python benchmarks/road.py [--out DIR] [RECIPE ...]
    python benchmarks/road.py --systems [--out DIR] [RECIPE ...]

Runs go to DIR (default: a temporary folder); finished stages found there are reused. Without recipes, `digits`, `adult`
and `avmnist` run; with `--systems`, the recipes of the field's systems, which are held to their own checks alone, into
results/road-systems. All but `digits` need their prepared data (`l0gm-edge data fetch`, or L0GM_EDGE_DATA).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from result import Bar, Cell, at_least, at_most, write

from l0gm_edge.core import processes
from l0gm_edge.core.report import ArtifactRow, CompressedScores, Report
from l0gm_edge.core.verdict import Status, worst

ROOT = Path(__file__).parents[1]
RECIPES = ("digits", "adult", "avmnist")
SYSTEMS = tuple(sorted(path.stem for path in (ROOT / "recipes").glob("*-*.yaml")))
"""Recipes named after the system in whose style they are."""
PROFILE = ROOT / "hardware" / "host-cpu.yaml"
JUDGED = (0, 1, 3)
LARGE = "avmnist"
"""The recipe whose model is large enough for a runtime's fixed part not to hide what was won."""


def main(recipes: Sequence[str], out: Path, name: str, judge: Callable[[str, Report], Iterable[Bar]]) -> int:
    """Run the recipes and hold their reports against the bars."""
    reports = {recipe: walk(recipe, out / recipe) for recipe in recipes}
    rows = [row for recipe, report in reports.items() for row in figures(recipe, report)]
    return write(name, rows, [bar for recipe, report in reports.items() for bar in judge(recipe, report)])


def walk(recipe: str, folder: Path) -> Report:
    """Run one recipe through the command line; an ending without a report is an error."""
    path = ROOT / "recipes" / f"{recipe}.yaml"
    command = [sys.executable, "-m", "l0gm_edge", "run", str(path), "--hardware", str(PROFILE), "--out", str(folder)]
    done = subprocess.run(
        [*command, "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=processes.ending_with_this_one(),
    )
    if done.returncode not in JUDGED:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return Report.model_validate_json(done.stdout)


def figures(recipe: str, report: Report) -> Iterator[dict[str, Cell]]:
    """One row an artifact that ships; ratios are to the dense fp32 file of the same runtime, floors its fixed part."""
    dense, small = report.dense, report.compressed
    floors = {floor.runtime: floor for floor in report.floors}
    for row in chosen(report):
        floor = floors.get(row.runtime)
        yield {
            "recipe": recipe,
            "passed": report.passed,
            "dense parameters": dense.parameters,
            "parameters": small.parameters,
            "parameter ratio": small.parameters / dense.parameters,
            "dense accuracy": dense.accuracy,
            "accuracy": small.accuracy,
            "dense ECE scaled": dense.ece_scaled,
            "ECE scaled": small.ece_scaled,
            "artifact": row.name,
            "artifact accuracy": row.accuracy,
            "artifact ECE scaled": row.ece_scaled,
            "bytes": row.bytes,
            "bytes ratio": row.bytes_ratio_to_dense,
            "floor bytes": floor.bytes if floor else None,
            "p50 ms": row.p50_ms,
            "p50 ratio": row.p50_ratio_to_dense,
            "floor p50 ms": floor.p50_ms if floor else None,
            "seconds": sum(report.seconds.values()),
        }


def bars(recipe: str, report: Report) -> Iterator[Bar]:
    """What every recipe must reach, and what the large one must besides; of several models, the worst counts."""
    dense = report.dense
    models: list[CompressedScores | ArtifactRow] = [report.compressed, *chosen(report)]
    yield passed(recipe, report)
    yield at_most(f"{recipe}: parameters / dense", report.compressed.parameters / dense.parameters, 1 / 4)
    lost = max(100 * (dense.accuracy - model.accuracy) for model in models)
    yield at_most(f"{recipe}: accuracy lost, points", lost, 1.0)
    added = max(model.ece_scaled - dense.ece_scaled for model in models)
    yield at_most(f"{recipe}: ECE added, after temperature", added, 0.01)
    if recipe == LARGE:
        sizes = [row.bytes_ratio_to_dense for row in passing(report) if is_int8_tflite(row)]
        yield at_most(f"{recipe}: best int8 TFLite file / dense fp32", smallest(sizes), 1 / 10)
        yield at_most(
            f"{recipe}: best p50 / dense fp32", smallest([row.p50_ratio_to_dense for row in chosen(report)]), 0.5
        )


def passed(recipe: str, report: Report) -> Bar:
    """Its own checks hold, and something ships."""
    return at_least(f"{recipe}: passed, with an artifact chosen", int(report.passed and bool(chosen(report))), 1)


def chosen(report: Report) -> list[ArtifactRow]:
    """The artifacts that ship."""
    return [row for row in report.artifacts if row.chosen]


def passing(report: Report) -> list[ArtifactRow]:
    """The compressed artifacts that passed every check."""
    rows = [row for row in report.artifacts if row.role == "compressed"]
    return [row for row in rows if worst([one for one in report.verdicts if one.artifact == row.name]) is Status.PASS]


def is_int8_tflite(row: ArtifactRow) -> bool:
    """Whether a file is TFLite with 8-bit weights."""
    return row.runtime == "tflite" and row.scheme.endswith("int8")


def smallest(values: Sequence[float | None]) -> float:
    """The smallest that was measured; infinite when none was."""
    return min((value for value in values if value is not None), default=float("inf"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"some of {', '.join(RECIPES)}")
    parser.add_argument("--systems", action="store_true", help=f"these in their place: {', '.join(SYSTEMS)}")
    parser.add_argument("--out", type=Path, help="folder of the runs")
    given = parser.parse_args()
    allowed = SYSTEMS if given.systems else RECIPES
    if unknown := set(given.recipes) - set(allowed):
        parser.error(f"there is no recipe {', '.join(sorted(unknown))}; allowed: {', '.join(allowed)}")
    wanted = given.recipes or allowed
    into, judge = ("road-systems", lambda *of: [passed(*of)]) if given.systems else ("road", bars)
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-road-") as scratch:
        sys.exit(main(wanted, given.out or Path(scratch), into, judge))
