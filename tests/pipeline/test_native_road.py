"""The whole road to a device whose models run in a native runner (a stand-in): honest, and so undecided."""

from __future__ import annotations

from pathlib import Path

import native_profiles
import pytest
import tiny_road
from click.testing import CliRunner

from l0gm_edge.cli.main import main
from l0gm_edge.core import store
from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status

BUDGETS = {"p50_ms": 1000, "load_ms": 100_000, "file_mb": 5}


@pytest.mark.slow
def test_a_run_stays_undecided_and_says_which_aggregates_there_are(tmp_path: Path, torch_as_it_was: None) -> None:
    recipe, _ = tiny_road.write(tmp_path, "tflite")
    phone = native_profiles.write(tmp_path, channel_multiple={"convolution": 4}, budgets=BUDGETS)
    out = tmp_path / "out"
    result = CliRunner().invoke(main, tiny_road.command((recipe, phone), out)[3:])
    assert result.exit_code == 3, result.output
    assert "a native runner gives aggregates alone" in result.output
    report = store.read_value(Report, out / "report" / "report.json")
    statuses = {one.check: one.status for one in report.verdicts if one.artifact == "compressed-tflite-fp32"}
    assert {name for name, status in statuses.items() if status is Status.PASS} == {"load_time", "file_size"}
    undecided = {"measured", "latency_p50", "parity", "accuracy_drop", "ece"}
    assert {name for name, status in statuses.items() if status is Status.INCONCLUSIVE} == undecided
    assert str(tmp_path) not in (out / "report" / "report.json").read_text(encoding="utf-8")
    assert not (out / "bundle" / "manifest.json").exists()
