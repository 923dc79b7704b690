"""The tutorial works as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_road

from l0gm_edge.bundle.verify import verify
from l0gm_edge.core.report import Report
from l0gm_edge.core.store import read_value
from l0gm_edge.core.verdict import Status

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "own-model.md").read_text(encoding="utf-8")
LOOP, BUILD, NETS, DATA = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(line: str, folder: Path, *more: str) -> str:
    words = [sys.executable, "-m", *line.replace("l0gm-edge", "l0gm_edge", 1).split(), *more]
    done = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_loop_is_forty_lines() -> None:
    written = [line for line in LOOP.splitlines() if line.strip()]
    assert len(written) <= 45
    new = [line for line in written if re.search(r"attach|penalty\(|session\.step|cut\(", line)]
    assert len(new) == 4


@pytest.mark.slow
def test_the_loop_and_the_build_run(tmp_path: Path) -> None:
    out = python(LOOP + BUILD, tmp_path)
    assert re.search(r"channels +64 +\d+ +8", out)
    found = [float(percent) for percent in re.findall(r"([\d.]+)% right", out)]
    assert found[-1] > 85
    assert (tmp_path / "bundles" / "digits" / "manifest.json").is_file()
    checked = verify(tmp_path / "bundles" / "digits")
    assert {verdict.status for verdict in checked.verdicts} == {Status.PASS}


@pytest.mark.slow
def test_the_project_runs_from_the_recipe_that_init_wrote(tmp_path: Path) -> None:
    for text in (NETS, DATA):
        path = tmp_path / text.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    init, run = (line.strip() for line in TEXT.splitlines() if re.match(r"    l0gm-edge (init|run)", line))
    (tmp_path / "bench.yaml").write_text(tiny_road.profile("onnxruntime"), encoding="utf-8")
    told = command(init.replace("host-cpu", "bench.yaml"), tmp_path)
    assert "body.0  channels" in told
    assert "wrote recipe.yaml" in told
    short = ("--set", "learn.steps=60", "--set", "measure={processes: 1, blocks: 2, runs_per_block: 2}")
    loose = ("--set", "checks={max_accuracy_drop_points: 100, max_ece_increase: 1}")
    command(run.replace("host-cpu", "bench.yaml"), tmp_path, *short, *loose)
    report = read_value(Report, tmp_path / "runs" / "shop" / "report.json")
    assert report.passed
    assert report.compressed.parameters < report.dense.parameters


def test_the_distillation_it_shows_is_a_valid_one(tmp_path: Path) -> None:
    import yaml

    from l0gm_edge.core.distillation import Distill

    (shown,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    assert Distill.model_validate(yaml.safe_load(shown)["distill"]).features is not None
