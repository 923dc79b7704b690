from __future__ import annotations

import re

from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import MEASURED, Status, Verdict
from l0gm_edge.report import markdown


def test_the_first_line_is_the_outcome(reports: dict[str, Report]) -> None:
    first = {kind: markdown.render(report).splitlines()[0] for kind, report in reports.items()}
    assert first["passing"] == "# ✅ PASS: avmnist on This machine's CPU, one thread"
    assert first["failing"].startswith("# ❌ FAIL: ")
    assert first["inconclusive"].startswith("# ⚠️ INCONCLUSIVE: ")


def test_it_fits_one_screen(any_report: Report) -> None:
    assert len(markdown.render(any_report).splitlines()) <= 45


def test_every_artifact_is_in_the_table(any_report: Report) -> None:
    text = markdown.render(any_report)
    rows = [line for line in text.splitlines() if re.match(r"\| (\*\*)?(onnxruntime|tflite)-", line)]
    assert len(rows) == len(any_report.artifacts)


def test_every_table_row_has_as_many_cells_as_its_header(any_report: Report) -> None:
    cells = 0
    for line in markdown.render(any_report).splitlines():
        if line.startswith("|"):
            found = len(re.findall(r"(?<!\\)\|", line)) - 1
            assert cells in (0, found)
            cells = found
        else:
            cells = 0


def test_failures_stand_with_their_reasons(reports: dict[str, Report]) -> None:
    text = markdown.render(reports["failing"])
    assert r"- **parameter\_fraction**: FAIL: " in text
    assert r"- **tflite-compressed-fp32**: parity: diverges first at moe.router" in text


def test_what_was_not_measured_is_listed_with_its_reason(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    lost = Verdict(
        check=MEASURED, artifact="small-tensorrt", status=Status.INCONCLUSIVE, reason="not measured: there is no GPU"
    )
    text = markdown.render(report.model_copy(update={"verdicts": (*report.verdicts, lost)}))
    assert "Neither passed nor failed:\n\n- **small-tensorrt**: not measured: there is no GPU" in text
    assert "Neither passed" not in markdown.render(report)


def test_no_text_of_the_run_is_mark_up(reports: dict[str, Report]) -> None:
    text = markdown.render(reports["hostile"])
    assert set(re.findall(r"<[^>]*>", text)) == {"<sub>", "</sub>"}
    assert "@" not in text
    assert not re.search(r"(?<!\\)[`\[]", text)


def test_what_a_missing_modality_costs_stands_beside_all_of_them(reports: dict[str, Report]) -> None:
    text = markdown.render(reports["passing"])
    rows = [
        line.split(" | ")[0] for line in text.splitlines() if " → " in line and line.startswith(("| audio", "| image"))
    ]
    assert rows == ["| audio", "| image", "| audio, image"]
    assert "| image | 74.3\u00a0% → 73.2\u00a0% | 0.090 → 0.080 |" in text
