"""How the report tells of the settings and forms that ship."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from l0gm_edge.core.finish import Finish, Form, FormKind, Level, Raced
from l0gm_edge.core.opening import Settings
from l0gm_edge.core.report import Report
from l0gm_edge.report import html, markdown

HOSTILE = "<script>alert(1)</script> | `code`"
FORM = Form(
    kind=FormKind.ORT,
    path="a.optimized.ort",
    sha256="0" * 64,
    size_bytes=10,
    level=Level.EXTENDED,
    architecture="x86",
    difference=2e-7,
    load_ms=0.61,
    load_ratio=0.43,
    p50_ratio=1.62,
)
FINISH = Finish(
    artifact="compressed-onnxruntime-fp32",
    settings=Settings(threads=2, spinning=False),
    raced=(Raced(settings=Settings(spinning=False), ratio=0.9, interval=(0.88, 0.93)),),
    forms=(FORM,),
    notes=(f"not shipped as .onnx: {HOSTILE}",),
)
TOLD = (
    "opened with threads 2, spinning off (raced against the profile's own: spinning off 0.900x (0.880 to 0.930))",
    "also as .ort, optimised ahead (extended, x86); loads in 0.61 ms, 0.43x; p50 1.62x; outputs within 2e-07",
)


def test_settings_and_forms_are_told_in_sentences() -> None:
    assert FINISH.told[:2] == TOLD
    bare = FORM.model_copy(update={"load_ms": None, "load_ratio": None, "p50_ratio": None})
    assert str(bare) == "also as .ort, optimised ahead (extended, x86); outputs within 2e-07"


@pytest.mark.parametrize("render", [html.render, markdown.render])
def test_pages_tell_them_and_stay_unharmed(reports: dict[str, Report], render: Callable[[Report], str]) -> None:
    passing = next(iter(reports.values()))
    page = render(passing.model_copy(update={"finishes": (FINISH,)}))
    assert "threads 2, spinning off" in page
    assert "loads in 0.61 ms, 0.43x" in page
    assert "<script>alert" not in page
    assert "How ONNX Runtime opens" not in render(passing)


def test_the_document_keeps_every_figure(reports: dict[str, Report]) -> None:
    report = next(iter(reports.values())).model_copy(update={"finishes": (FINISH,)})
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert json.loads(report.model_dump_json())["finishes"][0]["raced"][0]["ratio"] == 0.9


def test_a_form_that_answers_alike_says_so() -> None:
    assert str(FORM.model_copy(update={"difference": 0.0})).endswith("; the same outputs")
