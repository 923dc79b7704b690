"""What boards say they are, from the files of their systems."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from l0gm_edge.ondevice import identity

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n'
UBUNTU = 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n'


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    return tmp_path


def write(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_raspberry_pi(system: Path) -> None:
    write(
        system,
        {
            "proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
            "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
            "proc/meminfo": "MemTotal:        7998000 kB\nMemFree:  1 kB\n",
            "etc/os-release": DEBIAN,
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
            "sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq": "1500000\n",
        },
    )
    found = identity.identity()
    assert (found["chipset"], found["module"]) == ("brcm,bcm2711", "Raspberry Pi 4 Model B Rev 1.5")
    assert (found["cpu_mhz"], found["memory_gb"]) == (1800.0, 7.63)
    assert found["software"].startswith("Debian GNU/Linux 12 (bookworm), Linux ")


def test_a_jetson_tells_its_release(system: Path) -> None:
    write(
        system,
        {
            "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0",
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
            "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
            "etc/os-release": UBUNTU,
        },
    )
    assert identity.chipset() == "nvidia,tegra234"
    assert identity.software().startswith("Ubuntu 22.04.5 LTS, L4T R36.4.3, Linux ")


def test_a_desktop_has_a_processor_and_a_product_name(system: Path) -> None:
    write(system, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: A Processor\nmodel name\t: A Processor\n"})
    assert (identity.chipset(), identity.module()) == ("A Processor", None)
    for name, module in (("To Be Filled By O.E.M.\n", None), ("Laptop 13\n", "Laptop 13")):
        write(system, {"sys/devices/virtual/dmi/id/product_name": name})
        assert identity.module() == module


def test_what_a_system_does_not_tell_is_null(system: Path) -> None:
    found = identity.identity()
    assert [found[key] for key in ("chipset", "module", "cpu_mhz", "memory_gb")] == [None] * 4
    write(system, {"proc/meminfo": "MemTotal: many kB\n", "etc/nv_tegra_release": "\x1b[31m", "etc/os-release": "="})
    assert identity.memory_gb() is None
    assert "L4T" not in identity.software()


def test_it_runs_by_itself() -> None:
    done = subprocess.run([sys.executable, str(identity.__file__)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["cpu_cores"] >= 1
