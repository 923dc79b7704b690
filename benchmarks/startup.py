"""How fast the command line answers: `--help` against a bare `import click`, and a re-run with nothing to do.

    python benchmarks/startup.py [RUN_DIR]

RUN_DIR is a finished run of the demo (default runs/digits); without one the re-run is left out.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from result import Bar, Cell, at_most, write

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).parent / "l0gm-edge")
ROUNDS = 15


def main(run_folder: Path) -> int:
    """Time the commands in turns, so that a busy moment hits all of them; report medians."""
    commands = {
        "python -c 'import click'": [sys.executable, "-c", "import click"],
        "l0gm-edge --help": [COMMAND, "--help"],
        "l0gm-edge run --help": [COMMAND, "run", "--help"],
        "l0gm-edge lern (refused)": [COMMAND, "lern"],
    }
    times = {name: [0.0] * ROUNDS for name in commands}
    for turn in range(ROUNDS):
        for name, command in commands.items():
            times[name][turn] = seconds(command, (0, 2))
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare, help_ = medians["python -c 'import click'"], medians["l0gm-edge --help"]
    rows: list[dict[str, Cell]] = [{"command": name, "median_s": value} for name, value in medians.items()]
    bars = [at_most("l0gm-edge --help / import click", help_ / bare, 3.0)]
    if (run_folder / "report").is_dir():
        rows.append({"command": "run, nothing changed", "median_s": (again := rerun(run_folder))})
        bars.append(Bar("unchanged re-run of the demo, seconds", again, 3.0, again < 3.0))
    return write("startup", rows, bars)


def rerun(run_folder: Path) -> float:
    """Median seconds of the demo's command on a run that is already finished."""
    recipe, profile = ROOT / "recipes" / "digits.yaml", ROOT / "hardware" / "host-cpu.yaml"
    command = [COMMAND, "run", str(recipe), "--hardware", str(profile), "--out", str(run_folder), "--json"]
    return statistics.median(seconds(command, (0, 1, 3)) for _ in range(5))


def seconds(command: list[str], expected: tuple[int, ...] = (0,)) -> float:
    """Wall-clock seconds of one process, from start to exit; an exit status that was not expected is an error."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode not in expected:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr or done.stdout}")
    return taken


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "runs" / "digits"))
