"""`l0gm-edge verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from l0gm_edge.bundle import verify as verifying
from l0gm_edge.bundle.verify import Verification
from l0gm_edge.cli.main import main
from l0gm_edge.cli.verify import command
from l0gm_edge.core.errors import IntegrityError
from l0gm_edge.core.verdict import Status, Verdict


def found(*statuses: Status) -> Verification:
    """What verifying a bundle found."""
    verdicts = tuple(Verdict(check="samples", artifact="a", status=one, reason="as told") for one in statuses)
    return Verification(name="made-up", bundle_sha256="ab" * 32, files=3, signed_by=None, verdicts=verdicts)


@pytest.mark.parametrize(
    ("statuses", "exit_status"),
    [
        ([Status.PASS, Status.PASS], 0),
        ([Status.PASS, Status.FAIL], 1),
        ([Status.INCONCLUSIVE, Status.PASS], 3),
    ],
)
def test_the_exit_status_tells(
    statuses: list[Status], exit_status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(verifying, "verify", lambda folder, public_key: found(*statuses))
    plain = CliRunner().invoke(main, ["verify", str(tmp_path)])
    assert plain.exit_code == exit_status
    assert plain.stdout.count("as told") == len(statuses)
    as_json = CliRunner().invoke(main, ["verify", str(tmp_path), "--json"])
    assert as_json.exit_code == exit_status
    assert Verification.model_validate(json.loads(as_json.stdout)) == found(*statuses)


def test_a_folder_that_is_no_bundle_ends_with_2(tmp_path: Path) -> None:
    refused = CliRunner().invoke(main, ["verify", str(tmp_path), "--json"])
    assert refused.exit_code == 2
    assert "manifest.json" in json.loads(refused.stdout)["error"]["what"]


def test_a_changed_bundle_ends_with_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(folder: Path, public_key: Path | None) -> Verification:
        raise IntegrityError("the file was changed")

    monkeypatch.setattr(verifying, "verify", refuse)
    refused = CliRunner().invoke(main, ["verify", str(tmp_path)])
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output


def test_the_command_is_called_as_its_file() -> None:
    assert command.name == "verify"
