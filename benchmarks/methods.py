"""The methods of the field's papers on real data, one table each, from lines that are kept as they are made.

    python benchmarks/methods.py --table NAME [--data NAME ...] [--seeds 0-4]
    python benchmarks/methods.py --table NAME --report
    python benchmarks/methods.py --table NAME --quick

A table is a file methods_<table>.py: what it shows stands there. Its lines are in results/methods_<table>.jsonl, so
that it may be made in pieces and goes on where it stopped; the table is written at the end, or by `--report` of what is
there. `--quick` makes the table at small scale in a temporary folder, in a few minutes; its figures mean nothing. Data
come from L0GM_EDGE_DATA. Settings are chosen on validation, which stands beside test in every line.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import cast

from methods_core import Setting, Table, seeds
from result import RESULTS

from l0gm_edge.pipeline.arithmetic import fixed_arithmetic

TABLES = tuple(sorted(path.stem.removeprefix("methods_") for path in Path(__file__).parent.glob("methods_[!c]*.py")))


def main(arguments: list[str]) -> int:
    """Make what is asked for and is not there yet; report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, required=True)
    parser.add_argument("--data", nargs="+", default=None)
    parser.add_argument("--seeds", default=None, metavar="FIRST-LAST")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    chosen = tuple(seeds(asked.seeds)) if asked.seeds else None
    if asked.quick:
        with tempfile.TemporaryDirectory(prefix="l0gm-edge-methods-") as folder:
            return table(asked.table).run(Setting(Path(folder), chosen or (0, 1), asked.data, quick=True))
    setting = Setting(RESULTS, chosen, asked.data)
    return table(asked.table).report(setting) if asked.report else table(asked.table).run(setting)


class Runs:
    """A table's module at work."""

    def __init__(self, module: Table) -> None:
        self.module = module

    def run(self, setting: Setting) -> int:
        """Make the lines that are missing, then report."""
        with fixed_arithmetic():
            self.module.make(setting)
        return self.report(setting)

    def report(self, setting: Setting) -> int:
        """Write the table of the lines there are; 0 when every bar holds, or at small scale."""
        missed = self.module.report(setting)
        return 0 if setting.quick else missed


def table(name: str) -> Runs:
    """The table of this name."""
    return Runs(cast(Table, import_module(f"methods_{name}")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
