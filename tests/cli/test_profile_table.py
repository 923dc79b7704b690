"""The profile's table at the sizes and gaps that a real device gives."""

from __future__ import annotations

import io

import profiles
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from l0gm_edge.cli._profile_table import SHOWN_OPERATORS, show
from l0gm_edge.cli._profile_words import BLOCKS, sparkline
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.measurement import Block, Conditions, LayerTime
from l0gm_edge.core.profiled import ModelProfile, OperatorTimes, Percentile, State
from l0gm_edge.report.wording import NBSP


def state(**told: object) -> State:
    conditions = Conditions.model_validate({"time": "2026-01-01T00:00:00Z", **told})
    return State(machine={"processor": "[bold]Cortex-A76"}, conditions=conditions)


PROFILE = ModelProfile(
    model="models/[red]m.onnx",
    sha256="0" * 64,
    size_bytes=1_660_000,
    hardware="some-board",
    runtime="onnxruntime",
    runtime_version="onnxruntime 1.32.0",
    threads=4,
    runs=2,
    energy=Energy(mj=1.5, mean_mw=6000, seconds=3, runs=9, samples=30, rails=("VDD_[IN]",)),
    disturbed=("the device [was] throttled",),
    percentiles=(
        Percentile(q=50, runs_needed=11, value_ns=51_234.0, interval_ns=(50_000.0, 2_345_678.0), bound_ns=51_300.0),
        Percentile(q=99, runs_needed=662, why="needs 662 runs, 2 were taken"),
    ),
    warmup_runs=(20, 40),
    load_ns=(3_210_000_000,),
    peak_memory_bytes=None,
    operators=None,
    before=state(governor="schedutil", temperature_c=41.2, clocks_locked=True),
    after=state(governor="performance", temperature_c=55.0, clocks_locked=True),
    warnings=("the clock [fell]", "the device [was] throttled"),
    blocks=(Block(process=0, round=0, latencies_ns=(51_234, 51_235)),),
)


def shown(profile: ModelProfile, width: int = 120) -> str:
    stream = io.StringIO()
    show(profile, Console(file=stream, width=width, highlight=False))
    return stream.getvalue().replace(NBSP, " ")


def test_figures_have_units_and_gaps_have_words() -> None:
    text = shown(PROFILE)
    for expected in (
        "models/[red]m.onnx  1.66 MB · onnxruntime 1.32.0 · 4 threads · some-board ([bold]Cortex-A76)",
        "51.2 µs",
        "50 µs to 2.35 ms",
        "needs 662 runs, 2 were taken",
        "3.21 s",
        "not told",
        "in 2 processes, after 30 to warm up in each",
        "careful: the clock [fell]",
        "does not count: the device [was] throttled",
        "≤ 51.3 µs",
        "1.50 mJ  6.00 W of VDD_[IN] over 3.0 s",
        "governor       schedutil → performance",
        "temperature    41.2 °C → 55.0 °C",
        "clock setting  locked",
    ):
        assert expected in text


def test_operators_stand_by_share_and_the_tail_is_summed() -> None:
    layers = tuple(LayerTime(name=f"n{k}", op=f"Op{k}", mean_ns=1000 * (k + 1)) for k in range(SHOWN_OPERATORS + 3))
    text = shown(PROFILE.model_copy(update={"operators": OperatorTimes(layers=layers, fallback_ops=("Op17",))}))
    assert text.index("Op17 *") < text.index("Op16") < text.index("Op3")
    assert "and 3 more, 3.5% together" in text  # (1 + 2 + 3) / 171
    assert "Op2 " not in text


def test_operators_that_cannot_be_told_give_the_reason() -> None:
    text = shown(PROFILE.model_copy(update={"operators": OperatorTimes(unavailable="timeout [after] 9 s")}))
    assert "no operator times: timeout [after] 9 s" in text


def test_no_line_is_wider_than_a_narrow_terminal() -> None:
    layers = tuple(LayerTime(name="a very long name " * 9, op="Fully Connected", mean_ns=9) for _ in range(4))
    text = shown(PROFILE.model_copy(update={"operators": OperatorTimes(layers=layers)}), width=60)
    assert max(len(line) for line in text.splitlines()) <= 60


def test_a_long_run_is_lines_of_blocks_with_their_ends_in_figures() -> None:
    text = shown(profiles.sustained())
    p50 = next(line for line in text.splitlines() if line.startswith("p50"))
    assert p50.index("▁") < p50.index("▄") < p50.index("█")
    assert p50.split()[2:] == ["1", "ms", "1", "ms", "2.19", "ms", "2.19", "ms"]
    for expected in (
        "0 to 30m", "40 °C", "70 °C", "clock        not told by this device", "held back    ▁",
        "12,000 runs without a pause; at rest after 15m (within 5 %); 90.0% slower at the end",
        "careful: the device says that it is held back: hot",
    ):  # fmt: skip
        assert expected in text
    assert max(map(len, shown(profiles.sustained(), width=70).splitlines())) <= 70
    assert "never at rest" in shown(profiles.sustained(steady_after_s=None))


def test_threads_stand_beside_their_ratios() -> None:
    text = shown(profiles.threads((1, 1.0, (1.0, 1.0)), (2, 0.5, (0.4, 0.61)), (8, None, None)))
    assert "1, 2, 8 threads" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "0.500 0.400 to 0.610 ██████████" in " ".join(lines["2"].split())
    assert "needs 10 pairs of blocks" in lines["8"]


def test_throughput_is_told_with_its_batch() -> None:
    text = " ".join(shown(profiles.offline(400, 600, energy=Energy(unavailable="of [single] ones"))).split())
    assert "samples a second 500 400 to 600 in 2 processes" in text
    assert "samples 1,000 in batches of 8, all at once, over 2.0 s" in text
    assert "energy not measured of [single] ones" in text


@given(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(1, 100))
def test_a_sparkline_fits_and_spans_what_is_known(values: list[float | None], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    assert set(line) <= set(BLOCKS) | {" "}
    assert (line.strip() == "") == (all(one is None for one in values))
