"""The model card."""

from __future__ import annotations

import re

import pytest
from reports import layer_routing

from l0gm_edge.core.network import Tokens
from l0gm_edge.core.report import Report, Routing
from l0gm_edge.report import card

MATERIAL = card.Material(
    rows={"train": 50_000, "validation": 2000, "calibration": 512, "test": 3000},
    shapes={"image": (1, 28, 28), "audio": (1, 20, 40)},
    classes=tuple("0123456789"),
    preprocess="Degraded digits.\n\nScaled to 0..1.",
)


def tables(text: str) -> list[list[list[str]]]:
    """Every table's rows of cells, the header first."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_every_table_is_whole(any_report: Report) -> None:
    found = tables(card.render(any_report, MATERIAL))
    assert len(found) == (5 if any_report.subsets.given else 4)
    for table in found:
        assert {len(row) for row in table} == {len(table[0])}


def test_the_figures_are_the_reports(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    splits, modalities, figures, subsets, confidence = tables(card.render(report, MATERIAL))
    assert [row[:2] for row in splits[2:]] == [
        ["train", "50.0\u00a0k"],
        ["validation", "2,000"],
        ["calibration", "512"],
        ["test", "3,000"],
    ]
    assert modalities[2] == ["image", "1 × 28 × 28", "convolution", "44 of 128", "expert 0 (71.0\u00a0%)"]
    assert modalities[3] == ["audio", "1 × 20 × 40", "convolution", "48 of 96", "expert 3 (82.0\u00a0%)"]
    shipped = [row for row in report.artifacts if row.chosen]
    assert [row[0] for row in figures[4:]] == [row.name.replace("_", r"\_") for row in shipped]
    assert figures[4][1] == "91.5\u00a0%"
    assert subsets[3] == ["image", "73.2\u00a0%", "0.130 → 0.080"]
    assert confidence[4][2] == "0.037 → 0.017"
    assert confidence[2][1:3] == ["1.370", "0.041 → 0.019"]


def test_what_is_open_and_what_was_not_measured_stands_under_limits(reports: dict[str, Report]) -> None:
    limits = {kind: card.render(report, MATERIAL).partition("## Limits")[2] for kind, report in reports.items()}
    assert "- No check of the run, or of a file that ships, is open." in limits["passing"]
    assert "- Not measured: energy, accuracy of the files with a modality missing." in limits["passing"]
    assert ", energy, accuracy with a modality missing." not in limits["inconclusive"]
    assert r"- FAIL: parameter\_fraction: not as it should be" in limits["failing"]
    assert "- No file was found sound, so none ships." in limits["inconclusive"]


def test_no_text_of_the_run_is_mark_up(reports: dict[str, Report]) -> None:
    hostile = reports["hostile"].recipe.description
    material = card.Material(MATERIAL.rows, {hostile: (1,)}, (hostile, "b"), hostile)
    text = card.render(reports["hostile"], material)
    assert not re.search(r"<[^>]*>", text)
    assert "@" not in text
    assert not re.search(r"(?<!\\)[`\[]", text)


@pytest.mark.parametrize("count", [2, 21])
def test_many_labels_are_cut_short(reports: dict[str, Report], count: int) -> None:
    classes = [f"label {index}" for index in range(count)]
    text = card.render(reports["passing"], card.Material(MATERIAL.rows, MATERIAL.shapes, classes, ""))
    assert ("and more" in text) == (count > 20)
    assert "How raw data becomes inputs: not told" in text


def test_tokens_and_every_layer_of_experts_are_told(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    tokens = {"image": Tokens(patch=7), "audio": Tokens(vocabulary=90)}
    model = report.recipe.model.model_copy(update={"encoders": {}, "tokens": tokens})
    layers = tuple(
        layer_routing(module=f"blocks.{block}", by_tokens=True, rows=("image", "all together"), share=share)
        for block, share in enumerate([((0.2, 0.5, 0.3), (1, 0, 0)), ((0.1, 0.1, 0.8), (1, 0, 0))])
    )
    changes = {"recipe": report.recipe.model_copy(update={"model": model}), "routing": Routing(layers=layers)}
    _, modalities, *_ = tables(card.render(report.model_copy(update=changes), MATERIAL))
    assert modalities[2][2] == "patches of 7"
    assert modalities[2][4] == "blocks.0: expert 3 (50.0\u00a0%); blocks.1: expert 6 (80.0\u00a0%)"
    assert modalities[3][2:] == ["90 words", modalities[3][3], "not known"]
