"""A loopback ADB device behind the real `adb` client, whose server has a port and a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adb_wire
from sshd import answers, free_port

from l0gm_edge.core.hardware import Execution, HardwareProfile, Transport

ADB = shutil.which("adb")


class AdbDevice:
    """A device whose disk is `home`; `server` is the port of the adb server that knows it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "disk"
        self.home.mkdir()
        self.port, self.server = free_port(), free_port()
        self.serial = f"127.0.0.1:{self.port}"
        self._device: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Be there; returns when the port answers."""
        self._device = subprocess.Popen([sys.executable, adb_wire.__file__, str(self.home), str(self.port)])
        deadline = time.monotonic() + 20
        while not answers(self.port):
            assert self._device.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        """Go away, as when the cable is pulled; what runs detached goes on."""
        if self._device is not None:
            self._device.kill()
            self._device.wait()
            self._device = None

    def end_server(self) -> None:
        """End this device's own adb server."""
        assert ADB is not None
        subprocess.run([ADB, "-P", str(self.server), "kill-server"], capture_output=True, timeout=30)

    def profile(self, hardware: HardwareProfile, **changes: object) -> HardwareProfile:
        """A profile whose device is this one; figures taken on it mean nothing."""
        given: dict[str, object] = {
            "kind": "adb",
            "address": self.serial,
            "port": self.server,
            "reconnect_s": 20,
            "python": sys.executable,
        }
        transport = Transport.model_validate(given | changes)
        return hardware.model_copy(update={"transport": transport, "execution": Execution.FAKE})


@contextmanager
def serving(folder: Path) -> Iterator[AdbDevice]:
    """A device that is there, and `HOME` of the adb server in this folder."""
    device = AdbDevice(folder)
    device.start()
    home = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        assert ADB is not None
        subprocess.run([ADB, "-P", str(device.server), "start-server"], capture_output=True, check=True, timeout=60)
    finally:
        if home is not None:
            os.environ["HOME"] = home
    try:
        yield device
    finally:
        device.end_server()
        device.stop()


def missing() -> str | None:
    """Why there can be no such device here, or None."""
    return None if ADB else "adb is not installed (apt-get install adb)"
