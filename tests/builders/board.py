"""A made-up board: a root of system files, and its tools as scripts that act on these files, as a Jetson's do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NVPMODEL = """\
#!/bin/sh
root={root}
echo "nvpmodel $*" >>{root}/log
case $1 in
-q) mode=$(cat $root/mode)
    echo "NVPM WARN: fan mode is not set!"
    echo "NV Power Mode: $(sed -n "s/.*ID=$mode NAME=\\([^ ]*\\) .*/\\1/p" $root/etc/nvpmodel.conf)"
    echo "$mode" ;;
-m) [ -e $root/stuck ] && echo "NVPM WARN: Reboot required for changing to this power mode: $2" && exit 0
    echo "$2" >$root/mode
    for cpu in $root/sys/devices/system/cpu/cpu*/cpufreq; do echo schedutil >$cpu/scaling_governor; done ;;
esac
"""
JETSON_CLOCKS = """\
#!/bin/sh
root={root}
echo "jetson_clocks $*" >>{root}/log
case $1 in
--store) grep . $root/sys/devices/system/cpu/cpu*/cpufreq/scaling_min_freq >$2 ;;
--restore) while IFS=: read -r file value; do echo $value >$file; done <$2 ;;
"") for cpu in $root/sys/devices/system/cpu/cpu*/cpufreq; do cat $cpu/scaling_max_freq >$cpu/scaling_min_freq; done ;;
esac
"""


def appearing(folder: Path, monkeypatch: pytest.MonkeyPatch, *, jetson: bool = True) -> Board:
    """A board that is a folder, as which this machine appears to programs that are started from now on."""
    made = Board(folder / "board", jetson=jetson)
    monkeypatch.setenv("L0GM_EDGE_ROOT", str(made.root))
    monkeypatch.setenv("PATH", f"{made.tools}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(folder / "home"))
    return made


class Board:
    """`root` is what L0GM_EDGE_ROOT names, `tools` a folder for PATH."""

    def __init__(self, folder: Path, *, jetson: bool = True) -> None:
        self.root, self.tools = folder / "root", folder / "tools"
        self.tools.mkdir(parents=True)
        for core in range(2):
            self.write(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor", "schedutil")
            self.write(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_min_freq", "115200")
            self.write(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_max_freq", "1510400")
            self.write(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq", "729600")
        self.write("sys/class/hwmon/hwmon0/name", "pwmfan")
        self.write("sys/class/hwmon/hwmon0/pwm1", "66")
        self.write("sys/class/hwmon/hwmon0/pwm1_enable", "2")
        self.write("sys/class/thermal/cooling_device0/type", "thermal-cpufreq-0")
        self.write("sys/class/thermal/cooling_device0/cur_state", "0")
        self.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal")
        self.write("sys/class/thermal/thermal_zone0/temp", "48000")
        if jetson:
            self.write("mode", "2")
            modes = "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=2 NAME=15W >"
            self.write("etc/nvpmodel.conf", modes)
            self.tool("nvpmodel", NVPMODEL.format(root=self.root))
            self.tool("jetson_clocks", JETSON_CLOCKS.format(root=self.root))

    def write(self, path: str, text: str) -> None:
        """Put a text into a file below the root."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")

    def tool(self, name: str, script: str) -> None:
        """Put a program where PATH leads."""
        (self.tools / name).write_text(script)
        (self.tools / name).chmod(0o755)

    def rail(self, name: str, millivolts: int, milliamperes: int) -> None:
        """A power rail of an INA3221."""
        self.write("sys/class/hwmon/hwmon1/name", "ina3221")
        self.write("sys/class/hwmon/hwmon1/in1_label", name)
        self.write("sys/class/hwmon/hwmon1/in1_input", str(millivolts))
        self.write("sys/class/hwmon/hwmon1/curr1_input", str(milliamperes))

    def state(self) -> dict[str, str]:
        """What every file of the system holds, the tools' log left out."""
        files = (path for path in sorted(self.root.rglob("*")) if path.is_file() and path.name != "log")
        return {str(path.relative_to(self.root)): path.read_text().strip() for path in files}

    def log(self) -> list[str]:
        """What the tools were asked."""
        path = self.root / "log"
        return path.read_text().splitlines() if path.exists() else []
