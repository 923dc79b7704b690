from __future__ import annotations

import pytest

from l0gm_edge.core.hardware import Runtime
from l0gm_edge.core.report import Report
from l0gm_edge.report.headline import headline
from l0gm_edge.report.lineup import by_runtime, chosen


def test_every_artifact_stands_in_its_runtime_with_its_standing(reports: dict[str, Report]) -> None:
    groups = {group.runtime: group for group in by_runtime(reports["passing"])}
    standing = {name: [entry.standing for entry in group.entries] for name, group in groups.items()}
    assert standing == {
        "onnxruntime": ["reference", "passed", "chosen"],
        "tflite": ["reference", "passed", "inconclusive", "chosen", "rejected"],
    }
    assert all(entry.dense is not None for group in groups.values() for entry in group.entries)


def test_a_runtime_without_artifacts_is_listed(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    runtimes = (*report.hardware.runtimes, Runtime(name="tensorrt", schemes=("fp16",), required=False))
    hardware = report.hardware.model_copy(update={"runtimes": runtimes})
    last = by_runtime(report.model_copy(update={"hardware": hardware}))[-1]
    assert (last.runtime, last.required, last.entries, last.floor) == ("tensorrt", False, (), None)


def test_ratios_above_the_fixed_part(reports: dict[str, Report]) -> None:
    group = by_runtime(reports["passing"])[0]
    latency, size = group.above_floor(group.chosen[0])
    assert latency == pytest.approx((0.138 - 0.021) / (0.412 - 0.021))
    assert size == pytest.approx((58_400 - 3_920) / (834_112 - 3_920))


def test_no_ratio_when_the_dense_file_is_within_the_fixed_part(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    floors = tuple(floor.model_copy(update={"p50_ms": 5.0, "bytes": 10**9}) for floor in report.floors)
    group = by_runtime(report.model_copy(update={"floors": floors}))[0]
    assert group.above_floor(group.chosen[0]) == (None, None)


def test_the_headline_takes_the_best_of_size_and_speed_and_the_worst_of_cost(reports: dict[str, Report]) -> None:
    figures = {figure.label: figure for figure in headline(reports["passing"])}
    assert figures["Parameters"].value == "6.70× fewer"
    assert figures["File"].value == "17.6× smaller"
    assert figures["File"].below == "best: tflite-compressed-dynamic_int8"
    assert figures["Latency, p50"].value == "3.02× faster"
    assert figures["Accuracy"].value.startswith("−0.33")
    assert figures["Accuracy"].below == "worst: onnxruntime-compressed-int8"
    assert figures["Calibration (ECE)"].value == "0.037 → 0.019"


def test_without_a_chosen_artifact_nothing_is_claimed(reports: dict[str, Report]) -> None:
    report = reports["inconclusive"]
    assert chosen(report) == ()
    assert [figure.value for figure in headline(report)] == ["6.70× fewer", *["not measured"] * 4]
