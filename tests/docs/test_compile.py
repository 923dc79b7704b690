"""The page on bringing a model works as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from l0gm_edge.bundle.integrity import read
from l0gm_edge.cli.main import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "compile.md").read_text(encoding="utf-8")
FILES = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
(EXAMPLE,) = re.findall(r"    python files\.py\n((?:    l0gm-edge .*\n)+)", TEXT)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    for text in FILES:
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "files.py"], cwd=tmp_path, env=ENVIRONMENT, check=True, capture_output=True)
    for line in EXAMPLE.splitlines():
        words = [sys.executable, "-m", *line.strip().replace("l0gm-edge", "l0gm_edge", 1).split()]
        done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1, 3), done.stderr  # 1 and 3: a busy machine may miss the profile's milliseconds
        assert "  * compressed-onnxruntime-" in done.stdout
        assert done.stderr == ""
    assert {path.name for path in (tmp_path / "bundles").iterdir()} == {"scores", "network"}
    assert read(tmp_path / "bundles" / "scores").models[0].inputs[0].name == "input"


def test_every_option_is_told() -> None:
    shown = CliRunner().invoke(main, ["compile", "--help"])
    help_text = str(shown.output) if shown.output else ""
    told = set(re.findall(r"`(--[a-z]+)", TEXT))
    assert told >= {"--hardware", "--out", "--calibration", "--shape", "--runtime", "--pythonpath", "--json"}
    assert all(option in help_text for option in told if option != "--no")
