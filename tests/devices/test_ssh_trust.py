"""Whom a connection over SSH trusts, which keys it shows, and what a profile may say of the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sshd import Sshd

from l0gm_edge.core.errors import DeviceFailed, L0GMEdgeError, RecipeError
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.devices import Outcome, ssh


def refusal(server: Sshd, hardware: HardwareProfile, kind: type[L0GMEdgeError], **changes: object) -> str:
    with pytest.raises(kind) as caught, ssh.connect(server.profile(hardware, **changes)):
        pass
    return str(caught.value)


def test_another_host_key_is_refused(server: Sshd, hardware: HardwareProfile) -> None:
    told = refusal(server, hardware, DeviceFailed, known_hosts=server.known_hosts("other_key"))
    assert "the host key of 127.0.0.1 is not one that known_hosts has" in told
    assert "compare its fingerprint" in told


def test_an_unknown_host_is_refused(server: Sshd, hardware: HardwareProfile, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    told = refusal(server, hardware, DeviceFailed, known_hosts=str(tmp_path / "empty"))
    assert "the host key of 127.0.0.1 is not one that known_hosts has" in told
    assert "no such file" in refusal(server, hardware, RecipeError, known_hosts=str(tmp_path / "none"))


def test_a_device_that_knows_none_of_our_keys_says_so(server: Sshd, hardware: HardwareProfile) -> None:
    told = refusal(server, hardware, DeviceFailed, key_files=(str(server.folder / "other_key"),))
    assert "accepts none of our keys" in told
    assert "ssh-add" in told


def test_a_key_that_cannot_be_read_is_named(server: Sshd, hardware: HardwareProfile, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)]
    subprocess.run(command, check=True)
    assert "passphrase" in refusal(server, hardware, RecipeError, key_files=(str(locked),))
    assert "absent" in refusal(server, hardware, RecipeError, key_files=(str(tmp_path / "absent"),))
    for name in ("key_files", "known_hosts"):
        (tmp_path / name).write_bytes(b"\x00\xff no key at all\n")
        value = str(tmp_path / name)
        assert name in refusal(server, hardware, RecipeError, **{name: (value,) if name == "key_files" else value})


@pytest.mark.parametrize(
    ("address", "why"), [("127.0.0.1", "connection refused"), ("localhost", "connection refused"), ("no.invalid", "")]
)
def test_nobody_there_is_a_device_failure_in_plain_words(
    server: Sshd, hardware: HardwareProfile, address: str, why: str
) -> None:
    told = refusal(server, hardware, DeviceFailed, address=address, port=1)
    assert f"cannot be reached: {why}" in told
    assert "transport.address" in told
    assert "Errno" not in told


def test_without_an_address_the_way_to_get_one_is_told(server: Sshd, hardware: HardwareProfile) -> None:
    assert "hardware probe --ssh" in refusal(server, hardware, RecipeError, address=None)


def test_a_device_without_the_tools_says_which(server: Sshd, hardware: HardwareProfile) -> None:
    original = (server.folder / "enter").read_text()
    (server.folder / "enter").write_text(original.replace("exec sh", "PATH=/nowhere exec /bin/sh"))
    try:
        assert "sh: not found" in refusal(server, hardware, DeviceFailed)
    finally:
        (server.folder / "enter").write_text(original)


def test_a_jump_host_leads_on(server: Sshd, hardware: HardwareProfile) -> None:
    jump = {"address": "127.0.0.1", "port": server.port}
    with ssh.connect(server.profile(hardware, jump=jump)) as device:
        assert device.run([device.python(), "-c", "pass"], 60).outcome is Outcome.OK


@contextmanager
def agent(folder: Path, key: Path) -> Iterator[str]:
    socket = str(folder / "agent")
    running = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        while not Path(socket).exists():
            assert running.poll() is None
        subprocess.run(["ssh-add", "-q", str(key)], env=os.environ | {"SSH_AUTH_SOCK": socket}, check=True)
        yield socket
    finally:
        running.terminate()
        running.wait()


def test_keys_of_the_agent_are_shown(
    server: Sshd, hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(tmp_path, server.folder / "client_key") as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        with ssh.connect(server.profile(hardware, key_files=())) as device:
            assert device.run([device.python(), "-c", "pass"], 60).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "-oProxyCommand=touch /tmp/x"),
        ("address", "host; rm -rf ~"),
        ("address", "$(id)"),
        ("address", "host\n"),
        ("address", "user@host"),
        ("address", ""),
        ("user", "-l"),
        ("user", "root`id`"),
        ("python", "-c"),
        ("python", "python\x1b[31m"),
        ("port", 0),
        ("port", 65536),
        ("keepalive_s", 0),
        ("jump", {"address": "-W"}),
    ],
)
def test_a_way_that_is_more_than_a_way_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        Transport.model_validate({"kind": "ssh", key: value})


@pytest.mark.parametrize("address", ["pi", "10.0.0.7", "fe80::1%eth0", "::1", "board_2.lab.example", "emulator-5554"])
def test_names_and_numbers_are_addresses(address: str) -> None:
    assert Transport.model_validate({"kind": "ssh", "address": address}).address == address


def test_this_machine_has_no_address() -> None:
    with pytest.raises(ValueError, match="kind local is this machine, which has no address and no user"):
        Transport.model_validate({"address": "pi", "user": "pi"})
