"""A person's own network and data on the road: the same report and bundle, and one message for what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import own_project
import pytest
import tiny_road
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from l0gm_edge.bundle.verify import verify
from l0gm_edge.cli.main import main
from l0gm_edge.core import arrays, load, store
from l0gm_edge.core.entry import Entry
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status
from l0gm_edge.pipeline import own_code, own_model, run_stage

Run = Callable[..., Result]
NETS, DATA, RECIPE = own_project.NETS, own_project.DATA, own_project.RECIPE


class Made(Silent):
    """Remembers which stages were made."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str, *, reused: bool = False) -> None:
        if not reused:
            self.stages.append(name)


@pytest.fixture
def own(tmp_path: Path, out: Path, torch_as_it_was: None) -> Run:
    """Write the project, recipe and profile as given, and walk the road, or go one command of it."""

    def run(*options: str, nets: str = NETS, data: str = DATA, recipe: str = RECIPE) -> Result:
        project = own_project.write(tmp_path, nets, data)
        path = own_project.write_recipe(tmp_path, recipe)
        (tmp_path / "bench.yaml").write_text(tiny_road.profile("onnxruntime"), encoding="utf-8")
        words = ["run", str(path), "--hardware", str(tmp_path / "bench.yaml"), "--out", str(out)]
        result = CliRunner().invoke(main, [*words, "--pythonpath", str(project), *options])
        assert isinstance(result.exception, SystemExit | None)
        return result

    return run


@pytest.mark.slow
def test_the_whole_road_and_back(own: Run, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = own("--json")
    assert told.exit_code == 0, told.output
    report = Report.model_validate_json(told.stdout)
    assert report.passed
    assert report.recipe.moe is None
    assert report.routing.layers == ()
    assert report.compressed.exactness <= 1e-5
    assert {verdict.status for verdict in verify(out / "bundle").verdicts} == {Status.PASS}
    manifest = json.loads((out / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["preprocess"] == "Digits as brightness from 0 to 1."

    # the weights are the person's own, by their own names
    plan = store.read_value(PrunePlan, out / "prune" / "plan.json")
    assert {site.site for site in plan.sites} == {"stem.0", "embed", "block.1"}
    assert "block.1.weight" in load_file(out / "recover" / "model.safetensors")

    # a stage's command finds the code again; nothing is made that need not be
    monkeypatch.chdir("/")
    again = CliRunner().invoke(main, ["prune", str(out)])
    assert again.exit_code == 0, again.output
    listener = Made()
    run_stage(out, "bundle", progress=listener)
    assert listener.stages == []

    # code that moved is the same code; code that changed is not
    moved = tmp_path / "moved"
    (tmp_path / "project").rename(moved)
    lost = CliRunner().invoke(main, ["prune", str(out)])
    assert lost.exit_code == 2
    assert "there is no module 'shop'" in lost.stderr
    run_stage(out, "bundle", progress=listener, pythonpath=[moved])
    assert listener.stages == []
    (moved / "shop" / "nets.py").write_text(NETS.replace("nn.GELU()", "nn.ReLU()"), encoding="utf-8")
    run_stage(out, "prune", progress=listener, pythonpath=[moved])
    assert listener.stages[:2] == ["learn", "prune"]


@pytest.mark.parametrize(
    ("function", "distill"),
    [
        ("named", "{weight: 0.5, features: {at: [embed, block]}, relations: {at: stem}}"),
        ("build", '{weight: 0, features: {at: [embed]}, teacher: {entry: "shop.nets:build", arguments: {width: 24}}}'),
    ],
)
@pytest.mark.usefixtures("torch_as_it_was")
def test_logits_by_name_and_every_kind_of_distillation_learn_to_the_end(
    tmp_path: Path, out: Path, function: str, distill: str
) -> None:
    text = RECIPE.replace("nets:build", f"nets:{function}").replace("{weight: 0.5}", distill)
    recipe = own_project.write_recipe(tmp_path, text.replace("steps: 60", "steps: 12"))
    _, hardware = tiny_road.write(tmp_path, "onnxruntime")
    store.write_value(out / "recipe.json", load.recipe(str(recipe)))
    store.write_value(out / "hardware.json", load.hardware(str(hardware)))
    run_stage(out, "recover", pythonpath=[own_project.write(tmp_path)])
    logits = arrays.read(out / "recover" / "logits.npz")
    assert logits["test"].shape == (397, 10)


BAD: list[tuple[str, dict[str, str], tuple[str, ...], tuple[str, ...]]] = [
    ("no package", {"recipe": RECIPE.replace("shop.nets", "shopp.nets")}, (), ("no module 'shopp'", "--pythonpath")),
    ("no function", {"recipe": RECIPE.replace(":build", ":biuld")}, (), ("no 'biuld'; did you mean 'build'?",)),
    (
        "no argument",
        {"recipe": RECIPE.replace("width: 16", "depth: 2")},
        (),
        ("no argument 'depth'", "build(width=16)"),
    ),
    ("no network", {"nets": NETS.replace("return Net(width)", "return width")}, (), ("returned a int", "Module")),
    ("no data", {"data": DATA.replace("return replace(", "return repr(replace(") + ")"}, (), ("data.entry", "")),
    ("data is a list", {"data": "def load():\n    return []\n"}, (), ("data.entry: shop.data:load returned a list",)),
    ("data fails", {"data": "def load():\n    return open('/nowhere')\n"}, (), ("FileNotFoundError", "data.py:2")),
    ("other names", {"nets": NETS.replace("image", "picture")}, (), ("by name", "image", "forward(picture)")),
    (
        "other shape",
        {"nets": NETS.replace("8 * 64", "8 * 63")},
        (),
        ("model.entry", "failed: RuntimeError", "nets.py:"),
    ),
    ("other classes", {"nets": NETS.replace("width, 10)", "width, 7)")}, (), ("(2, 7)", "has 10 classes")),
    (
        "no logits",
        {"nets": NETS.replace("return self.head(", "return (1, self.head(").replace(".relu())", ".relu()))")},
        (),
        ("a tuple",),
    ),
    (
        "another dtype",
        {"nets": NETS.replace("return Net(width)", "return Net(width).double()")},
        (),
        ("torch.float64",),
    ),
    ("experts", {}, ("--set", "moe={experts: 4}"), ("moe: goes with model.encoders",)),
    ("a tap", {}, ("--set", "distill={features: {at: [bloc]}}"), ("no module 'bloc'; did you mean 'block'?",)),
    ("a teacher", {}, ("--set", "distill={teacher: {entry: 'shop.nets:big'}}"), ("distill.teacher.entry", "no 'big'")),
    (
        "its weights",
        {},
        ("--set", "distill={teacher: {entry: 'shop.nets:build', weights: nowhere.safetensors}}"),
        ("distill.teacher.weights", "nowhere.safetensors"),
    ),
]


@pytest.mark.parametrize(("texts", "options", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_wrong_in_a_persons_project_is_one_message_before_anything_is_made(
    own: Run, out: Path, texts: dict[str, str], options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    result = own(*options, **texts)
    assert result.exit_code == 2, result.output
    assert [word for word in words if word not in result.stderr] == [], result.stderr
    assert "Traceback" not in result.stderr
    assert "fault of l0gm-edge" not in result.stderr
    assert [path.name for path in out.glob("*")] in ([], [".lock"])


def test_code_that_fails_in_the_middle_of_training_is_told_with_its_line(own: Run, out: Path) -> None:
    late = (
        "        self.seen = getattr(self, 'seen', 0) + self.training\n        assert self.seen < 5, 'five is enough'\n"
    )
    at = "    def forward(self, image):\n"
    nets = NETS.replace(at, at + late, 1)
    result = own(nets=nets)
    assert result.exit_code == 2, result.output
    assert "model.entry: shop.nets:build failed: AssertionError: five is enough" in result.stderr
    line = 1 + nets.splitlines().index("        assert self.seen < 5, 'five is enough'")
    assert f"nets.py:{line}" in result.stderr


def test_a_teachers_weights_are_loaded(tmp_path: Path) -> None:
    with own_code.importable([own_project.write(tmp_path)]):
        entry = Entry(entry="shop.nets:build", arguments={"width": 8})
        trained, fresh = own_model.build(entry, "model.entry"), own_model.build(entry, "model.entry")
        save_file(trained.state_dict(), tmp_path / "best.safetensors")
        own_model.load_weights(fresh, tmp_path / "best.safetensors", "distill.teacher.weights")
        assert all(torch.equal(value, fresh.state_dict()[name]) for name, value in trained.state_dict().items())
