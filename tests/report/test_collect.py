"""The report is what the run found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic import DENSE, LABELS, artifacts, blocks, changed, evidence, plan

from l0gm_edge.check.outcome import judge
from l0gm_edge.core import scores
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.hardware import Transport
from l0gm_edge.core.recipe import Target
from l0gm_edge.core.report import ArtifactRow, LayerRouting, Report, Routing
from l0gm_edge.report.collect import collect

LAYER = {"module": "moe", "by_tokens": False, "experts": ("expert 0",), "specialization": None}
ROUTING = Routing(layers=(LayerRouting(rows=("image", "all"), share=((1.0,), (1.0,)), **LAYER),))


def report(made_up: Evidence) -> Report:
    """The report of a run."""
    outcome = judge(made_up)
    return collect(made_up, outcome.verdicts, outcome.choices, ROUTING, {"learn": 1.5})


def row(found: Report, name: str) -> ArtifactRow:
    """One artifact's row."""
    return next(one for one in found.artifacts if one.name == name)


def test_a_report_survives_the_way_to_json_and_back() -> None:
    found = report(evidence())
    assert found.passed
    assert Report.model_validate_json(found.model_dump_json()) == found


def test_nobody_learns_from_a_report_where_the_device_is() -> None:
    made_up = evidence()
    there = Transport(kind="ssh", address="board.example", user="somebody", key_files=("~/secret",))
    reached = replace(made_up, hardware=made_up.hardware.model_copy(update={"transport": there}))
    assert report(reached).hardware.transport == Transport(kind="ssh")


def test_scores_stand_as_computed() -> None:
    dense, expected = report(evidence()).dense, scores.score(DENSE, LABELS)
    assert (dense.accuracy, dense.ece_scaled, dense.nll_scaled) == (
        expected.accuracy,
        expected.ece_scaled,
        expected.nll_scaled,
    )
    assert (dense.parameters, dense.macs) == (1000, 900)
    compressed = report(evidence()).compressed
    assert (compressed.active_fraction_requested, compressed.active_fraction_realised) == (0.25, 0.25)


def test_rows_are_dense_and_compressed_artifacts_and_floors_stand_apart() -> None:
    found = report(evidence())
    assert {one.role.value for one in found.artifacts} == {"dense", "compressed"}
    assert [(floor.runtime, floor.bytes) for floor in found.floors] == [("onnxruntime", 900), ("tflite", 900)]
    assert sum(one.chosen for one in found.artifacts) == 2
    assert all(one.why for one in found.artifacts)


def test_ratios_are_to_the_dense_and_the_fp32_file_of_the_same_runtime() -> None:
    int8 = row(report(evidence()), "compressed-tflite-static_int8")
    assert int8.p50_ratio_to_dense == pytest.approx(0.3, rel=0.02)
    assert int8.p50_ratio_to_fp32 == pytest.approx(0.75, rel=0.02)
    assert int8.bytes_ratio_to_dense == pytest.approx(0.075)
    assert int8.p50_ms == pytest.approx(0.3, rel=0.02)
    dense = row(report(evidence()), "dense-tflite-fp32")
    assert (dense.p50_ratio_to_dense, dense.bytes_ratio_to_dense, dense.chosen) == (1, 1, False)


def test_what_was_not_measured_is_null() -> None:
    name = "compressed-tflite-fp32"
    changes = {"blocks": blocks(0.4)[:5], "load_ns": (), "peak_memory_bytes": None}
    found = row(report(evidence(measured=changed(artifacts(), name, **changes))), name)
    assert found.p50_ms is not None
    assert (found.p90_ms, found.p50_ratio_to_dense, found.load_ms, found.peak_memory_bytes) == (None,) * 4


def test_without_a_requested_fraction_there_is_none_in_the_report() -> None:
    by_parameters = plan(target=Target(parameters=300), units_requested=None)
    assert report(evidence(plan=by_parameters)).compressed.active_fraction_requested is None
