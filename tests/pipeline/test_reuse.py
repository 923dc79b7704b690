"""What is unchanged is not made again, and what depends on a change is.

The stages' work is replaced by stand-ins: what matters here is when they are called.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_road
from reports import report_of

from l0gm_edge import pipeline
from l0gm_edge.core import load, store
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.verdict import Status
from l0gm_edge.pipeline import STAGES, building, judging, learning
from l0gm_edge.pipeline.context import Context

Made = Callable[..., list[str]]
HEAVY = "torch onnx onnxruntime ai_edge_litert litert_torch jax sklearn scipy jinja2"


class Listener(Silent):
    """Remembers which stages were made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def stage(self, name: str, *, reused: bool = False) -> None:
        if not reused:
            self.made.append(name)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every stage writes the text that stands here under its name, by default always the same."""
    texts = dict.fromkeys(STAGES, "same")

    def stand_in(stage: str) -> Callable[[Context, Path], None]:
        def work(context: Context, folder: Path) -> None:
            store.write_text(folder / "result", texts[stage])
            if stage == "report":
                store.write_value(folder / "report.json", report_of(context.recipe, context.hardware, Status.PASS))
                store.write_text(folder / "report.md", "page")
                store.write_text(folder / "report.html", "page")

        return work

    homes = {
        **dict.fromkeys(("learn", "prune", "recover"), learning),
        **dict.fromkeys(("quantize", "compile"), building),
        **dict.fromkeys(("measure", "check", "finish", "report", "bundle"), judging),
    }
    for stage in STAGES:
        monkeypatch.setattr(homes[stage], stage, stand_in(stage))
    monkeypatch.setattr(learning, "rehearse", lambda _: None)
    return texts


@pytest.fixture
def made(stand_ins: dict[str, str], files: tuple[Path, Path], out: Path) -> Made:
    """Walk the road with settings changed, and tell which stages were made."""

    def walk(*overrides: str, profile: Callable[[str], str] = lambda text: text) -> list[str]:
        recipe, hardware = files
        changed = hardware.with_name("changed.yaml")
        changed.write_text(profile(hardware.read_text(encoding="utf-8")), encoding="utf-8")
        listener = Listener()
        pipeline.run(load.recipe(str(recipe), overrides), load.hardware(str(changed)), out, progress=listener)
        return listener.made

    return walk


def test_an_unchanged_run_makes_nothing_again(made: Made, out: Path) -> None:
    assert made() == list(STAGES)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert made() == []
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_an_unchanged_run_imports_no_framework(made: Made, files: tuple[Path, Path], out: Path) -> None:
    made()
    code = (
        "import atexit, json, sys\n"
        "from l0gm_edge.cli.main import main\n"
        f"heavy = set({HEAVY!r}.split())\n"
        "atexit.register(lambda: print(json.dumps(sorted(heavy & set(sys.modules))), file=sys.stderr))\n"
        "main(sys.argv[1:])\n"
    )
    arguments = tiny_road.command((files[0], files[1].with_name("changed.yaml")), out)[3:]
    command = [sys.executable, "-c", code, *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    assert json.loads(done.stderr) == []


RECIPE_CHANGES = {
    "description=other": "",
    "checks.max_accuracy_drop_points=5": "",
    "measure.blocks=3": "measure finish",
    "quantize.calibration_size=8": "quantize compile",
    "quantize.percentile=99": "quantize compile",
    "prune.round_widths=false": "learn prune",
    "gates.target={active_fraction: 0.4}": "learn prune",
    "gates.min_units=1": "learn prune",
    "learn.lr=0.001": "learn recover",
    "learn.recovery=0.3": "learn recover",
    "distill.weight=0.4": "learn recover",
    "model.latent=12": "learn",
    "moe.hidden=12": "learn recover",
    "seed=1": "learn prune recover quantize",
}


@pytest.mark.parametrize(("change", "direct"), RECIPE_CHANGES.items())
def test_a_changed_setting_remakes_the_stages_that_read_it(change: str, direct: str, made: Made) -> None:
    """Every stage leaves what it left before, so that nothing is made again only because a stage before it was."""
    made()
    assert made(change) == remade(direct)
    assert made(change) == []


def remade(direct: str) -> list[str]:
    """Those that read it, and those that read everything, in their order."""
    return [stage for stage in STAGES if stage in {*direct.split(), "check", "report", "bundle"}]


@pytest.mark.parametrize(
    ("old", "new", "direct"),
    [
        ("title: A bench", "title: A bench\nbudgets: {p90_ms: 7}", ""),
        ("title: A bench", "title: A bench\nthreads: 2", "measure finish"),
        ("convolution: 4", "convolution: 2", "learn prune measure finish"),
        ("schemes: [fp32]", "schemes: [fp32, static_int8]", "compile measure finish"),
        ("schemes: [fp32]", "schemes: [fp32], session: {threads: 2}", "measure finish"),
        ("schemes: [fp32]", "schemes: [fp32], session: {race: [{spinning: false}]}", "finish"),
    ],
)
def test_a_changed_profile_remakes_the_stages_that_read_it(old: str, new: str, direct: str, made: Made) -> None:
    made()
    changed = made(profile=lambda text: text.replace(old, new))
    assert changed == remade(direct)


def test_what_comes_out_differently_is_passed_on(made: Made, stand_ins: dict[str, str]) -> None:
    made()
    stand_ins["learn"] = "other weights"
    assert made("learn.lr=0.001") == ["learn", "prune", "recover", "compile", "check", "report", "bundle"]
    stand_ins["measure"] = "other times"
    assert made("learn.lr=0.001", "measure.blocks=3") == ["measure", "check", "finish", "report", "bundle"]


@pytest.mark.parametrize("damage", ["changed", "removed", "record gone"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_damaged_stage_is_made_again(damage: str, stage: str, made: Made, out: Path) -> None:
    made()
    file = out / stage / ("record.json" if damage == "record gone" else "result")
    if damage == "changed":
        file.write_text("tampered", encoding="utf-8")
    else:
        file.unlink()
    assert made() == [stage]
    assert (out / stage / "result").read_text(encoding="utf-8") == "same"


def test_a_page_at_the_top_that_was_lost_comes_back(made: Made, out: Path) -> None:
    made()
    (out / "report.html").unlink()
    assert made() == []
    assert (out / "report.html").read_text(encoding="utf-8") == "page"
