"""A profile that the device fills in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import native_profiles
import pytest
import sshd
from click.testing import CliRunner, Result

from l0gm_edge.cli.main import main
from l0gm_edge.core import load
from l0gm_edge.core.environment import installed_version

Probe = Callable[..., Result]

MINE = """\
# The one on the shelf.
name: shelf
title: My board
chipset: {value: wrong, source: a guess}
module:
  value: From the box
  source: the box
runtimes:
  - name: tflite
    schemes: [fp32, dynamic_int8]  # int8 pays here
power_mode: performance
budgets:
  p90_ms: 7  # as agreed
"""


@pytest.fixture
def probe() -> Probe:
    return lambda *options: CliRunner().invoke(main, ["hardware", "probe", *options])


def test_a_new_profile_of_this_machine(probe: Probe, tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    assert probe("--write", str(file)).exit_code == 0
    found = load.hardware(str(file))
    assert found.name == "desk"
    assert found.cpu_cores.value is not None
    assert "told by the device itself" in (found.cpu_cores.source or "")
    versions = {one.name: one.versions for one in found.runtimes}
    assert versions["onnxruntime"] == f"=={installed_version('onnxruntime')}"
    assert probe("--write", str(file), "--json").exit_code == 0
    assert load.hardware(str(file)) == found


def test_what_a_person_wrote_stays(probe: Probe, tmp_path: Path) -> None:
    file = tmp_path / "shelf.yaml"
    file.write_text(MINE)
    assert probe("--write", str(file)).exit_code == 0
    found, text = load.hardware(str(file)), file.read_text()
    assert (found.title, found.budgets.p90_ms, found.power_mode) == ("My board", 7, "performance")
    assert [(one.name, one.schemes) for one in found.runtimes] == [("tflite", ("fp32", "dynamic_int8"))]
    assert found.runtimes[0].versions == f"=={installed_version('ai-edge-litert')}"
    assert found.chipset.value != "wrong"
    assert "# The one on the shelf." in text
    assert "p90_ms: 7  # as agreed" in text


def test_without_a_file_nothing_is_written(probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "cpu_cores" in probe().stdout
    assert list(tmp_path.iterdir()) == []


def test_a_board_over_ssh_is_asked_and_reached_again(probe: Probe, tmp_path: Path) -> None:
    if reason := sshd.missing():
        pytest.skip(reason)
    file = tmp_path / "board.yaml"
    with sshd.serving(tmp_path) as server:
        way = server.transport()
        keys = f"known_hosts: {way.known_hosts}, key_files: [{way.key_files[0]}]"
        file.write_text(MINE + f"transport: {{kind: ssh, {keys}}}\n")
        port = str(server.port)
        told = probe("--ssh", "127.0.0.1", "--port", port, "--python", str(way.python), "--write", str(file))
        assert told.exit_code == 0, told.output
        found = load.hardware(str(file))
        assert (found.transport.kind, found.transport.port) == ("ssh", server.port)
        assert found.transport.key_files == way.key_files
        assert probe("--write", str(file)).exit_code == 0


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--ssh", "-oProxyCommand=id"], 2, "address: no host name"),
        (["--ssh", "a;b@host"], 2, "user"),
        (["--ssh", "127.0.0.1", "--port", "0"], 2, "--port"),
        (["--write", "No Name.yaml"], 2, "name"),
        (["--python", "no-such-python"], 4, "does not tell what it is"),
    ],
)
def test_what_leads_nowhere_is_told(
    probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], status: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = probe(*options)
    assert told.exit_code == status, told.output
    assert words in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_device_with_a_native_runner_has_no_python_to_ask(probe: Probe, tmp_path: Path) -> None:
    phone = native_profiles.write(tmp_path)
    before = phone.read_bytes()
    result = probe("--write", str(phone))
    assert result.exit_code == 2
    assert "hardware probe needs what Python on the device gives" in result.stderr
    assert phone.read_bytes() == before
