"""The rules of the house: imports, sizes, documents, the wheel, the pins."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from pydantic import BaseModel

import l0gm_edge
from l0gm_edge.core import hardware, recipe, session, shipped

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "l0gm_edge"
FILES = sorted(PACKAGE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BIN = Path(sys.executable).parent
HEAVY = "torch onnx onnxruntime ai_edge_litert litert_torch jax sklearn scipy numpy pydantic rich yaml click"


def test_importing_the_package_brings_nothing_along() -> None:
    code = f"import sys, l0gm_edge; print(*sorted(set('{HEAVY}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(l0gm_edge, name) is not None for name in l0gm_edge.__all__)
    assert set(l0gm_edge.__all__) <= set(dir(l0gm_edge))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = l0gm_edge.nothing


def test_the_import_rules_hold() -> None:
    done = subprocess.run([str(BIN / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_file_stays_below_300_lines() -> None:
    long = [str(path.relative_to(ROOT)) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) >= 300]
    assert long == []


def test_every_file_says_what_it_is_about() -> None:
    silent = [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in FILES}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_commands_import_only_click_and_our_own_at_the_top() -> None:
    """So that `--help`, which imports them all, stays as fast as click."""
    allowed = {"click", "l0gm_edge", *sys.stdlib_module_names}
    for path in sorted((PACKAGE / "cli").glob("[!_]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                assert {name.partition(".")[0] for name in names} <= allowed, path
                assert not any(re.match(r"l0gm_edge\.(?!cli\b)", name) for name in names), path


def models(kind: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    seen.add(kind)
    module = sys.modules[kind.__module__]
    for other in vars(module).values():
        named = isinstance(other, type) and issubclass(other, BaseModel) and other.__module__ == kind.__module__
        if named and other not in seen:
            models(other, seen)
    return seen


@pytest.mark.parametrize(
    ("document", "kind"),
    [("recipes.md", recipe.Recipe), ("hardware.md", hardware.HardwareProfile), ("hardware.md", session.Session)],
)
def test_every_key_is_documented(document: str, kind: type[BaseModel]) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for model in models(kind, set()):
        for field in model.model_fields:
            assert f"`{field}`" in text, f"{model.__name__}.{field} is missing in docs/{document}"


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"


def test_every_direct_dependency_is_pinned() -> None:
    pins = re.findall(r"(?m)^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"))
    pinned = {canonical(name) for name in pins}
    extras = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]
    names = {canonical(re.split(r"[\[<>=; ]", requirement)[0]) for requirement in PROJECT["dependencies"] + extras}
    assert names - pinned == {"l0gm-edge", "tensorrt"}  # tensorrt comes from the vendor, with the device's own software


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.slow
def test_the_wheel_carries_recipes_profiles_and_type_hints(tmp_path: Path) -> None:
    command = [str(BIN / "hatchling"), "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("recipes", "hardware"):
        assert {f"l0gm_edge/shipped/{kind}/{name}.yaml" for name in shipped.names(kind)} <= held
    assert "l0gm_edge/py.typed" in held
    carried = (path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    ours = {path.relative_to(ROOT).as_posix() for path in carried}
    assert ours <= held
    assert not any(name.startswith(("tests/", "benchmarks/", "runs/")) for name in held)
