"""What makes a board faster or slower than it can be: power mode, governor, clocks and fan, read, set and put back.

One file for Python 3.8, standard library only. The system's files lie below L0GM_EDGE_ROOT, by default /. What needs
root is asked of `sudo -n` where we are not root, one command at a time: `tee FILE`, `nvpmodel -m ID`, `jetson_clocks`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict

ROOT = Path(os.environ.get("L0GM_EDGE_ROOT", "/"))
TOOL_SECONDS = 60.0
MODE = re.compile(r"^\s*NV Power Mode:[ \t]*(\S[^\r\n]{0,60}?)[ \t]*$", re.MULTILINE)
MODE_ID = re.compile(r"^\s*(\d{1,4})\s*$", re.MULTILINE)
MODES = re.compile(r"<\s*POWER_MODEL\s+ID=(\d{1,4})\s+NAME=([^\s>]+)\s*>")
FANS = ("pwmfan", "pwm-fan", "pwm_fan")

Texts = Dict[str, str]
"""Files of the system by path below the root, with what they hold."""
Json = Dict[str, Any]


class Unable(Exception):
    """Something cannot be read or set, in words for the person who asked for it."""


def text_of(path: str) -> str | None:
    """What a file of the system says, or None where it is not there or may not be read."""
    try:
        return (ROOT / path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def found(pattern: str) -> list[str]:
    """Paths below the root, in order."""
    return [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(pattern))]


def tool(name: str) -> str | None:
    """Where a tool lies: also where only root's PATH leads."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))


def run(*command: str, root: bool = False, given: str = "") -> str:
    """What a tool prints. Raises Unable with its last words."""
    path = tool(command[0])
    if path is None:
        raise Unable(f"there is no {command[0]} on this device")
    asked = [path, *command[1:]]
    if root and os.geteuid() != 0:
        # -k: a password of a while ago may be forgotten at the end
        asked = ["sudo", "-n", "-k", *asked]
    try:
        ended = subprocess.run(
            asked,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TOOL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unable(f"{' '.join(command)}: {error}") from error
    if ended.returncode:
        said = ended.stdout.strip().splitlines() or [f"status {ended.returncode}"]
        raise Unable(f"{' '.join(command)}: {said[-1].strip()[:200]}")
    return ended.stdout


def write(path: str, text: str) -> None:
    """Put a text into a file of the system, with root's rights where ours do not do. Raises Unable."""
    target = ROOT / path
    try:
        target.write_text(text, encoding="utf-8")
    except PermissionError:
        run("tee", str(target), root=True, given=text)
    except OSError as error:
        raise Unable(f"{target} does not take {text}: {error.strerror}") from error


def power_mode() -> tuple[str, str]:
    """The name and the number of the power mode that is set. Raises Unable."""
    said = run("nvpmodel", "-q")
    name, number = MODE.search(said), MODE_ID.search(said)
    if not name or not number:
        raise Unable(f"nvpmodel -q tells no power mode: {said.strip()[:100]}")
    return name[1], number[1]


def set_power_mode(wish: str) -> None:
    """Set a power mode by name; one that takes effect at the next start only counts as not set. Raises Unable."""
    if power_mode()[0] == wish:
        return
    known = {name: number for number, name in MODES.findall(text_of("etc/nvpmodel.conf") or "")}
    if wish not in known:
        raise Unable(f"this device has no power mode {wish}; it has {', '.join(known) or 'none that it tells'}")
    said = run("nvpmodel", "-m", known[wish], root=True)
    if power_mode()[0] != wish:
        raise Unable(f"the power mode stays {power_mode()[0]}: {said.strip()[-150:] or 'nvpmodel does not say why'}")


def governor_files(wish: str) -> Texts:
    """The governors' files, as wished."""
    return dict.fromkeys(found("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"), wish)


def clock_files(_: str) -> Texts:
    """The lowest clocks, as high as the highest."""
    texts = {}
    for path in found("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_min_freq"):
        highest = text_of(path.replace("scaling_min_freq", "scaling_max_freq"))
        if highest:
            texts[path] = highest
    return texts


def fan_files(wish: int) -> Texts:
    """The fan's duty cycle, and by hand where it can be automatic."""
    if text_of("sys/devices/pwm-fan/target_pwm") is not None:
        return {"sys/devices/pwm-fan/target_pwm": str(wish)}
    texts = {}
    for path in found("sys/class/hwmon/hwmon*/pwm1"):
        if (text_of(path[: -len("pwm1")] + "name") or "") in FANS:
            if text_of(f"{path}_enable") is not None:
                texts[f"{path}_enable"] = "1"
            texts[path] = str(wish)
    return texts


FILES: dict[str, Any] = {"governor": governor_files, "clocks": clock_files, "fan": fan_files}


def steadiness() -> Json:
    """Whether the clocks are kept from varying, and the fan's duty cycle; null where the system does not tell."""
    clocks, fan = clock_files(""), fan_files(0)
    duties = [text for path, text in read(fan).items() if not path.endswith("_enable") and text.isdigit()]
    return {
        "clocks_locked": read(clocks) == clocks if clocks else None,
        "fan_pwm": int(duties[0]) if duties else None,
    }


def files_of(name: str, wish: Any) -> Texts:
    """The files of a setting, as wished. Raises Unable where this device has none."""
    texts: Texts = FILES[name](wish)
    if not texts:
        raise Unable(f"this device has no {name} that can be set")
    return texts


def differs(wanted: Json) -> list[str]:
    """Which settings are not as wanted. Raises Unable."""
    names = [name for name in FILES if name in wanted and read(files := files_of(name, wanted[name])) != files]
    if "power_mode" in wanted and power_mode()[0] != wanted["power_mode"]:
        names.insert(0, "power_mode")
    return names


def read(files: Texts) -> Texts:
    """What these files hold now; those that do not tell are left out."""
    held = {path: text_of(path) for path in files}
    return {path: text for path, text in held.items() if text is not None}


def record(wanted: Json, store: str) -> Json:
    """Everything that setting these may change, as it is now; `store` is where jetson_clocks keeps its own."""
    files: Texts = {}
    for name in FILES:
        if name in wanted:
            files.update(read(files_of(name, wanted[name])))
    stored = "clocks" in wanted and tool("jetson_clocks") is not None
    if stored:
        if Path(store).exists():  # it asks before it writes over one
            Path(store).unlink()
        run("jetson_clocks", "--store", store, root=True)
    return {
        "power_mode": power_mode()[1] if "power_mode" in wanted else None,
        "stored": store if stored else None,
        "files": files,
    }


def apply(wanted: Json) -> None:
    """Set what is wanted: a power mode first, since it brings clocks of its own. Raises Unable."""
    if "power_mode" in wanted:
        set_power_mode(wanted["power_mode"])
    for name in FILES:
        if name not in wanted:
            continue
        if name == "clocks" and tool("jetson_clocks"):
            run("jetson_clocks", root=True)
        else:
            for path, text in files_of(name, wanted[name]).items():
                write(path, text)
        wished = files_of(name, wanted[name])
        for path, text in read(wished).items():
            if text != wished[path]:
                raise Unable(f"{name}: {path} is {text} although {wished[path]} was set")


def put_back(was: Json) -> list[str]:
    """Give back what was recorded, in the same order; returns what could not be, in words."""
    wrong = []

    def attempt(work: Any, *given: Any, **more: Any) -> None:
        try:
            work(*given, **more)
        except Unable as error:
            wrong.append(str(error))

    if was["power_mode"] is not None:
        attempt(_mode_back, was["power_mode"])
    if was["stored"]:
        attempt(run, "jetson_clocks", "--restore", was["stored"], root=True)
    for path, text in reversed(list(was["files"].items())):
        if text_of(path) != text:
            attempt(write, path, text)
    off = ((path, text) for path, text in was["files"].items() if text_of(path) != text)
    return wrong + [f"{path} stays {text_of(path)}, it was {text}" for path, text in off]


def _mode_back(number: str) -> None:
    if power_mode()[1] != number:
        run("nvpmodel", "-m", number, root=True)
    if power_mode()[1] != number:
        raise Unable(f"the power mode stays {power_mode()[0]}")
