"""The group: every file is a command, help is cheap, and a misspelt command gets the nearest name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from l0gm_edge import pipeline
from l0gm_edge.cli.main import main

Invoke = Callable[..., Result]
COMMANDS = main.list_commands(click.Context(main))
HEAVY = ("torch", "onnx", "onnxruntime", "ai_edge_litert", "litert_torch", "jax", "sklearn", "scipy")
SLOW_TO_IMPORT = (*HEAVY, "pydantic", "numpy", "rich", "yaml", "jinja2")


def leaves(name: str, command: click.Command) -> list[tuple[list[str], click.Command]]:
    if not isinstance(command, click.Group):
        return [([name], command)]
    context = click.Context(command)
    return [
        ([name, *path], leaf)
        for sub in command.list_commands(context)
        for path, leaf in leaves(sub, command.commands[sub])
    ]


def every_leaf() -> list[tuple[list[str], click.Command]]:
    context = click.Context(main)
    found = ((name, main.get_command(context, name)) for name in COMMANDS)
    return [leaf for name, command in found if command for leaf in leaves(name, command)]


def test_the_road_and_its_tools_are_all_there() -> None:
    assert {*pipeline.STAGES, "run", "hardware", "recipes", "data", "profile", "verify", "doctor"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_carries_the_name_of_its_file_and_says_what_it_does(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    assert command.name == name
    assert not command.get_short_help_str(64).endswith("...")  # whole in a terminal of 80 columns


@pytest.mark.parametrize(
    ("path", "command"), every_leaf(), ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_every_command_takes_json_and_shows_help(path: list[str], command: click.Command, invoke: Invoke) -> None:
    assert any("--json" in parameter.opts for parameter in command.params)
    shown = invoke(*path, "--help")
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: l0gm-edge {' '.join(path)} ")


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], SLOW_TO_IMPORT),
        (["--version"], SLOW_TO_IMPORT),
        (["lern"], SLOW_TO_IMPORT),
        (["run"], SLOW_TO_IMPORT),
        (["run", "--help"], SLOW_TO_IMPORT),
        (["learn", "nowhere"], SLOW_TO_IMPORT),
        (["run", "nowhere.yaml", "--hardware", "host-cpu"], HEAVY),
        (["run", "{recipe}", "--hardware", "host-gpu"], HEAVY),
        (["run", "{recipe}", "--hardware", "host-cpu", "--set", "learn.stepz=1"], HEAVY),
        (["learn", "{folder}"], HEAVY),
        (["recipes", "schema"], HEAVY),
        (["hardware", "list"], HEAVY),
    ],
    ids=" ".join,
)
def test_help_and_refusals_import_nothing_heavy(
    arguments: list[str], forbidden: tuple[str, ...], recipe_file: Path, tmp_path: Path
) -> None:
    filled = [argument.format(recipe=recipe_file, folder=tmp_path) for argument in arguments]
    code = (
        "import sys\nfrom l0gm_edge.cli.main import main\n"
        "try:\n    main(sys.argv[2:])\n"
        "finally:\n    print('FOUND', *sorted(set(sys.argv[1].split(',')) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, ",".join(forbidden), *filled], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1].split() == ["FOUND"], done.stderr
    assert done.returncode in {0, 2}


@pytest.mark.parametrize(("typo", "meant"), [("lern", "learn"), ("rnu", "run"), ("hardwar", "hardware")])
def test_a_misspelt_command_gets_the_nearest_name(invoke: Invoke, typo: str, meant: str) -> None:
    result = invoke(typo)
    assert result.exit_code == 2
    assert f"there is no command '{typo}'; did you mean '{meant}'?" in result.stderr
    assert "recipes, recover, report, run" in result.stderr


@pytest.mark.parametrize("name", ["_stage", "main", "__init__", "../cli/run", "zzz"])
def test_only_commands_are_commands(invoke: Invoke, name: str) -> None:
    result = invoke(name)
    assert result.exit_code == 2
    assert f"there is no command '{name}'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "digits"], "Missing option '--hardware'"),
        (["run", "digits", "--hardwar", "x"], "No such option"),
        (["--jsn"], "No such option"),
        (["learn", "nowhere"], "Directory 'nowhere' does not exist"),
        (["hardware", "shw"], "No such command 'shw'"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_on_stderr_and_one_document_with_json(
    invoke: Invoke, arguments: list[str], expected: str
) -> None:
    plain = invoke(*arguments)
    assert plain.exit_code == 2
    assert plain.stdout == ""
    assert plain.stderr.startswith("error: ")
    assert expected in plain.stderr
    assert "--help" in plain.stderr
    told = invoke(*arguments, "--json")
    assert told.exit_code == 2
    assert expected in json.loads(told.stdout)["error"]["what"]
    assert told.stderr == ""


def test_the_installed_command_and_the_module_are_the_same() -> None:
    by_module = subprocess.run([sys.executable, "-m", "l0gm_edge", "--version"], capture_output=True, check=True)
    script = Path(sys.executable).parent / "l0gm-edge"
    by_script = subprocess.run([str(script), "--version"], capture_output=True, check=True)
    assert by_module.stdout == by_script.stdout
    assert by_script.stdout.startswith(b"l0gm-edge, version ")
