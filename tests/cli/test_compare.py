"""`l0gm-edge compare`: the table, the files beside it, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
from click.testing import Result

from l0gm_edge.check.outcome import EXIT_STATUS
from l0gm_edge.core.comparison import Comparison

Invoke = Callable[..., Result]
FEW = ("--hardware", "host-cpu", "--processes", "4", "--attempts", "1")


def test_the_status_is_that_of_the_verdicts_in_every_form(invoke: Invoke, tmp_path: Path) -> None:
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    files = [str(tmp_path / name) for name in ("table.md", "junit.xml", "all.json")]
    result = invoke(
        "compare", model, model, *FEW, "--markdown", files[0], "--junit", files[1], "--samples", files[2], "--github"
    )
    found = Comparison.model_validate_json(Path(files[2]).read_bytes())
    assert result.exit_code == EXIT_STATUS[found.status]
    for told in ("m against m", "a model against itself", "latency, median", "first load", "peak memory"):
        assert told in result.stdout
    assert f"{found.status} on host-cpu" in result.stdout
    assert found.status in Path(files[0]).read_text(encoding="utf-8").splitlines()[0]
    assert Path(files[1]).read_text(encoding="utf-8").startswith("<?xml")
    assert ("::warning" in result.stdout) == (found.status == "INCONCLUSIVE")


def test_the_page_has_what_operators_take(invoke: Invoke, tmp_path: Path) -> None:
    small = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    large = str(tiny_models.write_onnx(tmp_path / "n.onnx", outputs=3))
    files = [str(tmp_path / name) for name in ("page.html", "all.json")]
    result = invoke("compare", small, large, *FEW, "--report", files[0], "--samples", files[1])
    found = Comparison.model_validate_json(Path(files[1]).read_bytes())
    assert result.exit_code == EXIT_STATUS[found.status]
    assert any(one.operator.startswith("Identity") and not one.before for one in found.pairs[0].operators)
    assert "not there → " in Path(files[0]).read_text(encoding="utf-8")


def test_json_is_one_document_with_the_raw_runs(invoke: Invoke, tmp_path: Path) -> None:
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    result = invoke("compare", model, model, *FEW, "--json")
    found = Comparison.model_validate(json.loads(result.stdout))
    assert found.pairs[0].sessions[0].candidate.copies
    assert result.exit_code == EXIT_STATUS[found.status]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("absent.onnx", "absent.onnx"), "nothing to compare"),
        (("m.pt2", "m.pt2"), "cannot time a '.pt2' file"),
        (("m.onnx", "git:-x:m.onnx"), "names no file of a revision"),
        (("m.onnx", "m.onnx", "--out", "kept"), "--out keeps what is known of several devices"),
    ],
)
def test_what_cannot_be_compared_ends_with_status_2(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_models.write_onnx(tmp_path / "m.onnx")
    (tmp_path / "m.pt2").touch()
    result = invoke("compare", *arguments, *FEW)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert told in result.stderr


def test_one_document_and_annotations_do_not_go_together(invoke: Invoke) -> None:
    result = invoke("compare", "a.onnx", "b.onnx", *FEW, "--json", "--github")
    assert result.exit_code == 2
    assert "--json leaves no room for --github" in json.loads(result.stdout)["error"]["what"]
