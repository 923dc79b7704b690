"""A real sshd on a loopback port: its own host key, one client key, a home of its own, and connections to cut."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from l0gm_edge.core.hardware import HardwareProfile, Transport

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
PRIVILEGE_SEPARATION = Path("/run/sshd")
NOTHING: Mapping[str, str] = {}

CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
"""


class Sshd:
    """A server in a folder; what a client asks for runs in `home`."""

    def __init__(self, folder: Path, home: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.home, self.port = folder, home, free_port()
        for key in ("host_key", "client_key", "other_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(folder / key)]
            subprocess.run(command, check=True)
        enter = folder / "enter"
        enter.write_text(f'#!/bin/sh\ncd "{home}" && HOME="{home}" exec sh -c "$SSH_ORIGINAL_COMMAND"\n')
        enter.chmod(0o755)
        (folder / "authorized_keys").write_text(
            f'restrict,port-forwarding,command="{enter}" {self.public("client_key")}\n'
        )
        given = "".join(f' "{name}={value}"' for name, value in environment.items())
        config = CONFIG.format(port=self.port, folder=folder) + (f"SetEnv{given}\n" if given else "")
        (folder / "sshd_config").write_text(config)
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve until stopped; returns when the port answers."""
        assert SSHD is not None
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        log = (self.folder / "log").open("ab")
        self._server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=log)
        log.close()
        deadline = time.monotonic() + 20
        while not answers(self.port):
            assert self._server.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def cut(self) -> int:
        """Kill every connection, and say how many there were; the server goes on."""
        assert self._server is not None
        children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        return len(children)

    def stop(self) -> None:
        """Kill the server and every connection."""
        if self._server is not None:
            self._server.send_signal(signal.SIGSTOP)  # whoever comes back at once is not let in between the two
            self.cut()
            self._server.kill()
            self._server.wait()
            self._server = None

    def known_hosts(self, key: str, port: int | None = None) -> str:
        """A file that holds this key for the server, behind its own port or another."""
        path = self.folder / f"known_hosts-{key}-{port}"
        path.write_text(f"[127.0.0.1]:{port or self.port} {self.public(key)}\n")
        return str(path)

    def public(self, key: str) -> str:
        """A public key, as one line."""
        return (self.folder / f"{key}.pub").read_text().strip()

    def transport(self, **changes: object) -> Transport:
        """How a profile reaches this server."""
        given: dict[str, object] = {
            "kind": "ssh",
            "address": "127.0.0.1",
            "port": self.port,
            "key_files": (str(self.folder / "client_key"),),
            "known_hosts": self.known_hosts("host_key"),
            "reconnect_s": 20,
            "python": sys.executable,
        }
        return Transport.model_validate(given | changes)

    def profile(self, hardware: HardwareProfile, **changes: object) -> HardwareProfile:
        """A profile whose device is this server."""
        return hardware.model_copy(update={"transport": self.transport(**changes)})


@contextmanager
def serving(folder: Path, environment: Mapping[str, str] = NOTHING) -> Iterator[Sshd]:
    """A running server in this folder; what it runs finds this in its environment."""
    home = folder / "home"
    home.mkdir()
    server = Sshd(folder, home, environment)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def missing() -> str | None:
    """Why there can be no server here, or None."""
    from importlib.util import find_spec

    if SSHD is None or shutil.which("ssh-keygen") is None:
        return "sshd is not installed (apt-get install openssh-server)"
    return None if find_spec("asyncssh") else "asyncssh is not installed (pip install 'l0gm-edge[ssh]')"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
