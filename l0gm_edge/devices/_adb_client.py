"""The `adb` client: where it is, and whether it knows a device. Its server, which is the user's, is never ended."""

from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.told import plain

ANSWER_S = 20.0
SERVER_SAYS = "* daemon"
"""How lines begin that only tell of the server's start."""
TRIES = 3
"""How often a device of the network is connected before it counts as away."""

TODO = {
    "unauthorized": "unlock the device and accept this computer's key",
    "offline": "unplug the device and plug it in again, or switch USB debugging off and on",
    "no permissions": "let your user at the device (package android-sdk-platform-tools-common has the udev rules)",
    "not found": "connect the device and switch USB debugging on; `adb devices` lists the serials that are there",
}


def command(server_port: int | None) -> list[str]:
    """The client with the port of its server (5037 by default). Raises DeviceFailed when it is not installed."""
    program = shutil.which("adb")
    if program is None:
        raise DeviceFailed(
            "adb is not installed", where="PATH", todo="apt-get install adb, or Android's SDK platform tools"
        )
    return [program, *(["-P", str(server_port)] if server_port else [])]


async def find(adb: list[str], serial: str) -> None:
    """Make sure that a device answers; one of the network (HOST:PORT) is connected. Raises DeviceFailed."""
    state, told = await _ask([*adb, "-s", serial, "get-state"])
    for _ in range(TRIES if ":" in serial else 0):
        if state == "device":
            break
        if "offline" in told + state:  # the server keeps a dead connection, and would not make another beside it
            await _ask([*adb, "disconnect", serial])
        await _ask([*adb, "connect", serial])
        state, told = await _ask([*adb, "-s", serial, "get-state"])
    if state == "device":
        return
    lines = [line for line in (told or state).splitlines() if not line.startswith(SERVER_SAYS)]
    why = (lines or ["adb says nothing"])[0].removeprefix("error: ")
    todo = next((text for sign, text in TODO.items() if sign in why), "`adb devices` tells what is there")
    raise DeviceFailed(f"the device cannot be reached: {why}", where=serial, todo=todo)


async def _ask(line: list[str]) -> tuple[str, str]:
    """What the client answers and what it complains of, safe to show."""
    process = await asyncio.create_subprocess_exec(*line, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        answer, complaint = await asyncio.wait_for(process.communicate(), ANSWER_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return "", f"adb does not answer within {ANSWER_S:g} s"
    return plain(answer.decode(errors="replace")).strip(), plain(complaint.decode(errors="replace")).strip()
