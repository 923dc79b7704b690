"""The person's own code: found where they say, called as the recipe says; every way it fails is one message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import own_project
import pytest

from l0gm_edge.core.entry import Entry
from l0gm_edge.core.errors import DataError, OwnCodeFailed
from l0gm_edge.pipeline import own_code


@contextmanager
def shop(folder: Path, nets: str) -> Iterator[Path]:
    """A package `shop` whose `nets` is this text."""
    project = own_project.write(folder, nets)
    with own_code.importable([project]):
        yield project


def refusal(folder: Path, nets: str, entry: str = "shop.nets:build", **arguments: int) -> OwnCodeFailed:
    with shop(folder, nets), pytest.raises(OwnCodeFailed) as caught:
        own_code.call(Entry(entry=entry, arguments=arguments), "model.entry")
    return caught.value


def test_a_function_is_called_with_its_arguments(tmp_path: Path) -> None:
    with shop(tmp_path, "def build(width, depth=2):\n    return width * depth\n"):
        assert own_code.call(Entry(entry="shop.nets:build", arguments={"width": 3}), "model.entry") == 6


def test_a_class_or_something_inside_one_is_called_too(tmp_path: Path) -> None:
    with shop(tmp_path, "class Net:\n    @staticmethod\n    def small():\n        return 1\n"):
        assert own_code.call(Entry(entry="shop.nets:Net.small"), "model.entry") == 1
        assert type(own_code.call(Entry(entry="shop.nets:Net"), "model.entry")).__name__ == "Net"


def test_the_path_and_what_came_from_it_are_forgotten(tmp_path: Path) -> None:
    before = list(sys.path)
    for value in (1, 22):
        with shop(tmp_path / str(value), f"def build():\n    return {value}\n"):
            assert own_code.call(Entry(entry="shop.nets:build"), "model.entry") == value
        assert sys.path == before
        assert "shop" not in sys.modules
        assert "shop.nets" not in sys.modules


@pytest.mark.parametrize(
    ("entry", "nets", "what", "todo"),
    [
        ("shopp.nets:build", "", "model.entry: shopp.nets:build: there is no module 'shopp'", "--pythonpath DIR"),
        ("shop.netz:build", "", "there is no module 'shop.netz'; did you mean 'nets'?", "--pythonpath DIR"),
        ("shop.nets.deep:build", "", "there is no module 'shop.nets.deep'", "--pythonpath DIR"),
        ("shop.nets:buidl", "def build(): pass\n", "there is no 'buidl'; did you mean 'build'?", None),
        ("shop.nets:build", "build = 3\n", "shop.nets:build is a int", None),
        ("shop.nets:build", "import nowhere_to_be_found\n", "No module named 'nowhere_to_be_found'", "mend it"),
        ("shop.nets:build", "def build(:\n", "SyntaxError", "mend it"),
        ("shop.nets:build", "def build():\n    raise ValueError('odd')\n", "failed: ValueError: odd", "mend it"),
        ("shop.nets:build", "import sys\nsys.exit(3)\n", "failed: SystemExit: 3", "mend it"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told(
    tmp_path: Path, entry: str, nets: str, what: str, todo: str | None
) -> None:
    error = refusal(tmp_path, nets, entry)
    assert error.what.startswith("model.entry: ")
    assert what in error.what
    assert todo is None or todo in str(error.todo)
    assert error.exit_status == 2


@pytest.mark.parametrize(
    ("nets", "line"),
    [
        ("x = 1\nx = x / 0\n", 2),
        ("def build():\n    return inner()\n\n\ndef inner():\n    return int('many')\n", 6),
        ("import json\n\n\ndef build():\n    return json.loads('{')\n", 5),
        ("x = 1\ny = (\n", 2),
    ],
)
def test_the_line_of_the_persons_own_code_is_named(tmp_path: Path, nets: str, line: int) -> None:
    error = refusal(tmp_path, nets)
    assert error.where == f"{tmp_path}/project/shop/nets.py:{line}"


def test_arguments_that_do_not_fit_are_told_before_the_call(tmp_path: Path) -> None:
    error = refusal(tmp_path, "def build(width):\n    raise ValueError\n", widht=3)
    assert error.what == "model.entry: shop.nets:build: there is no argument 'widht'; did you mean 'width'?"
    assert error.allowed == "build(width)"


def test_a_message_of_ours_passes_as_it_is(tmp_path: Path) -> None:
    nets = "from l0gm_edge.core.errors import DataError\n\n\ndef build():\n    raise DataError('the disk is empty')\n"
    with shop(tmp_path, nets), pytest.raises(DataError, match="the disk is empty"):
        own_code.call(Entry(entry="shop.nets:build"), "data.entry")


def test_a_later_failure_is_the_persons_only_when_it_passed_through_their_code(tmp_path: Path) -> None:
    entry = Entry(entry="shop.nets:build")
    with shop(tmp_path, "def build():\n    return lambda x: 1 / x\n"):
        divide = own_code.call(entry, "model.entry")
        assert callable(divide)
        with (
            pytest.raises(OwnCodeFailed, match="failed: ZeroDivisionError"),
            own_code.told(entry, "model.entry", only_its_own=True),
        ):
            divide(0)
        with pytest.raises(ZeroDivisionError), own_code.told(entry, "model.entry", only_its_own=True):
            _ = 1 / 0


def test_the_digest_follows_the_source_of_the_whole_package_wherever_it_lies(tmp_path: Path) -> None:
    digests = []
    for folder, nets in (("a", "x = 1\n"), ("b", "x = 1\n"), ("c", "x = 2\n")):
        with shop(tmp_path / folder, nets) as project:
            (project / "shop" / "weights.bin").write_bytes(folder.encode())
            (project / "other.py").write_text(folder, encoding="utf-8")
            digests.append(own_code.source_sha256("shop"))
    assert digests[0] == digests[1] != digests[2]


def test_a_single_module_has_a_digest_too(tmp_path: Path) -> None:
    with own_code.importable([tmp_path]):
        (tmp_path / "alone.py").write_text("x = 1\n", encoding="utf-8")
        before = own_code.source_sha256("alone")
        (tmp_path / "alone.py").write_text("x = 2\n", encoding="utf-8")
        assert own_code.source_sha256("alone") != before


def test_of_a_huge_package_size_and_time_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_code, "MOST_READ", 4)
    with own_code.importable([tmp_path]):
        (tmp_path / "alone.py").write_text("x = 1\n", encoding="utf-8")
        before = own_code.source_sha256("alone")
        (tmp_path / "alone.py").write_text("x = 10\n", encoding="utf-8")
        assert own_code.source_sha256("alone") != before
