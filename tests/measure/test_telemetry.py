"""What devices' own tools say, in their dialects, cut short and garbled."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from l0gm_edge.measure import telemetry
from l0gm_edge.measure.telemetry import Telemetry, merged

ORIN = (
    "11-02-2026 09:12:40 RAM 2011/7620MB (lfb 6x4MB) SWAP 0/3810MB (cached 0MB) CPU [4%@883,0%@883,1%@883,0%@883,"
    "0%@729,3%@1190] EMC_FREQ 0%@2133 GR3D_FREQ 12%@[612] NVDEC off NVJPG off VIC off OFA off APE 200 "
    "cpu@47.5C soc2@46.25C soc0@48.0C gpu@48.125C tj@48.125C soc1@48C VDD_IN 4611mW/4530mW VDD_CPU_GPU_CV 560mW/524mW"
    " VDD_SOC 1390mW/1373mW"
)
PLAIN_USER = ORIN.replace(" EMC_FREQ 0%@2133", "").replace("GR3D_FREQ 12%@[612]", "GR3D_FREQ 12%")
XAVIER = (
    "RAM 3011/7765MB (lfb 900x4MB) CPU [30%@1651,10%@1651,off,off] EMC_FREQ 0% GR3D_FREQ 0% GR3D2_FREQ 0%@0 "
    "BCPU@-45C MCPU@41C PMIC@100C Tboard@38C VDD_IN 14025/14416 VDD_CPU 1200/1100"
)
NANO = "RAM 1000/3956MB CPU [1%@102,off,off,off] GR3D_FREQ 5%@76 CPU@33C PLL@31.5C POM_5V_IN 4520/4680 POM_5V_GPU 0/12"
MODE = "NVPM WARN: fan mode is not set!\nNV Power Mode: MAXN_SUPER\n2\n"
CLOCKS = """\
SOC family:tegra234  Machine:NVIDIA Jetson Orin Nano Developer Kit
Online CPUs: 0-5
cpu0: Online=1 Governor=schedutil MinFreq=115200 MaxFreq=1510400 CurrentFreq=729600 IdleStates: WFI=1 c7=1
cpu1: Online=1 Governor=performance MinFreq=115200 MaxFreq=1510400 CurrentFreq=1510400 IdleStates: WFI=1 c7=1
GPU MinFreq=306000000 MaxFreq=624750000 CurrentFreq=306000000
EMC MinFreq=204000000 MaxFreq=2133000000 CurrentFreq=2133000000 FreqOverride=0
NV Power Mode: 15W
"""
ANDROID = """\
IsStatusOverride: false
Thermal Status: 2
Cached temperatures:
\tTemperature{mValue=99.0, mType=0, mName=CPU0, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=41.5, mType=0, mName=CPU0, mStatus=0}
\tTemperature{mValue=0.0, mType=1, mName=GPU, mStatus=0}
\tTemperature{mValue=29.25, mType=2, mName=battery, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=3, mType=2, mName=thermal-cpufreq-0}
"""
EXAMPLES = (ORIN, PLAIN_USER, XAVIER, NANO, MODE, CLOCKS, ANDROID, "throttled=0x50005", "temp=48.8'C")


def read(name: str, text: str) -> Telemetry:
    return telemetry.plugin(name).read(text)


def test_tegrastats_of_an_orin() -> None:
    found = read("tegrastats", ORIN)
    assert found.temperatures_c == {
        "cpu": 47.5, "soc2": 46.25, "soc0": 48.0, "gpu": 48.125, "tj": 48.125, "soc1": 48.0,
    }  # fmt: skip
    assert found.rails_mw == {"VDD_IN": 4611, "VDD_CPU_GPU_CV": 560, "VDD_SOC": 1390}
    assert found.clocks_mhz == {"cpu": 1190, "gpu": 612}
    assert found.loads == {"cpu": pytest.approx(8 / 6), "gpu": 12}


def test_tegrastats_tells_a_plain_user_less() -> None:
    assert read("tegrastats", PLAIN_USER).clocks_mhz == {"cpu": 1190}


def test_tegrastats_of_older_boards() -> None:
    found = read("tegrastats", XAVIER)
    assert found.temperatures_c == {"MCPU": 41, "PMIC": 100, "Tboard": 38}  # -45 is a core that is off
    assert found.rails_mw == {"VDD_IN": 14025, "VDD_CPU": 1200}
    assert (found.loads, found.clocks_mhz) == ({"cpu": 20, "gpu": 0}, {"cpu": 1651})
    found = read("tegrastats", NANO)
    assert found.rails_mw == {"POM_5V_IN": 4520, "POM_5V_GPU": 0}
    assert found.clocks_mhz == {"cpu": 102, "gpu": 76}


@pytest.mark.parametrize(
    ("told", "load", "clock"),
    [("10%", 10, None), ("10%@1300", 10, 1300), ("@[1000,1000,1000]", None, 1000), ("0%@[1300,1300]", 0, 1300)],
)
def test_the_four_ways_to_tell_of_a_gpu(told: str, load: float | None, clock: float | None) -> None:
    found = read("tegrastats", f"RAM 1/2MB GR3D_FREQ {told} VIC off")
    assert (found.loads.get("gpu"), found.clocks_mhz.get("gpu")) == (load, clock)


def test_the_last_line_counts_and_a_torn_one_does_not() -> None:
    assert read("tegrastats", f"{XAVIER}\n{ORIN}\nADC 1").rails_mw["VDD_IN"] == 4611
    assert read("tegrastats", "") == Telemetry(temperatures_c={}, rails_mw={}, clocks_mhz={}, loads={})


def test_the_power_mode_is_found_behind_a_warning() -> None:
    assert read("nvpmodel", MODE).power_mode == "MAXN_SUPER"
    assert read("nvpmodel", "NV Power Mode: 15W\n2").power_mode == "15W"
    assert read("nvpmodel", "NVPM ERROR: no such thing").power_mode is None


def test_jetson_clocks() -> None:
    found = read("jetson_clocks", CLOCKS)
    assert found.governors == ("performance", "schedutil")
    assert found.clocks_mhz == {"cpu": pytest.approx(1510.4), "gpu": 306, "emc": 2133}


@pytest.mark.parametrize(
    ("told", "now", "before"),
    [
        ("throttled=0x0", (), ()),
        ("throttled=0x50000", (), ("under-voltage", "throttled")),
        ("throttled=0x80008", ("soft temperature limit",), ("soft temperature limit",)),
        ("throttled=0xf", ("under-voltage", "frequency capped", "throttled", "soft temperature limit"), ()),
        ("error=1", (), ()),
    ],
)
def test_why_a_pi_is_slow(told: str, now: tuple[str, ...], before: tuple[str, ...]) -> None:
    found = read("vcgencmd_throttled", told)
    assert (found.throttled, found.throttled_since_boot) == (now, before)


def test_a_pi_s_temperature() -> None:
    assert read("vcgencmd_temperature", "temp=48.8'C\n").temperatures_c == {"soc": 48.8}
    assert read("vcgencmd_temperature", "temp=n/a").temperatures_c == {}


def test_android_tells_what_is_current() -> None:
    found = read("thermalservice", ANDROID)
    assert found.temperatures_c == {"CPU0": 41.5, "battery": 29.25}
    assert found.throttled == ("thermal status moderate",)
    assert read("thermalservice", ANDROID.replace("Status: 2", "Status: 0")).throttled == ()


def test_tools_together_tell_more_and_the_first_is_believed() -> None:
    found = merged({"nvpmodel": MODE, "jetson_clocks": CLOCKS, "tegrastats": ORIN, "unheard_of": "x"})
    assert found.power_mode == "MAXN_SUPER"
    assert found.clocks_mhz == {"cpu": pytest.approx(1510.4), "gpu": 306, "emc": 2133}
    assert found.rails_mw["VDD_SOC"] == 1390
    assert merged({}) == Telemetry()


@settings(max_examples=200)
@given(st.sampled_from(telemetry.names()), st.sampled_from(EXAMPLES), st.data())
def test_no_answer_breaks_a_reader(name: str, text: str, data: st.DataObject) -> None:
    """Cut anywhere, with anything put in between, it is read as far as it goes."""
    at, width = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
    spoilt = text[:at] + data.draw(st.text(max_size=30)) + text[at + width :]
    found = merged({name: spoilt})
    assert all(-40 < one < 200 for one in found.temperatures_c.values())
    assert Telemetry.model_validate_json(found.model_dump_json()) == found


@given(st.sampled_from(telemetry.names()), st.text())
@example("tegrastats", "RAM " + "9" * 400 + "%@" + "9" * 400)
@example("tegrastats", "RAM 1 CPU [" + "9" * 400 + "%@1]")
@example("nvpmodel", "NV Power Mode: " + "x" * 10_000)
def test_noise_says_nothing_harmful(name: str, text: str) -> None:
    assert Telemetry.model_validate_json(merged({name: text}).model_dump_json())
