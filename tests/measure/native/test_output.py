"""What `benchmark_model` prints, in the dialects of its releases, and what is not that."""

from __future__ import annotations

import re

import pytest
import runner_output
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.measure.native import output

REAL = {name: getattr(runner_output, name) for name in ("OF_2019", "OF_2020", "OF_2025", "OF_LITERT")}
LINES = [line for text in REAL.values() for line in text.splitlines()]


def test_a_release_with_percentiles_is_read_whole() -> None:
    found = output.read(runner_output.OF_2025)
    assert found == Aggregates(
        runs=24,
        first_ns=42_142_000,
        min_ns=42_142_000,
        max_ns=42_763_000,
        mean_ns=42_435_400,
        deviation_ns=147_000,
        p5_ns=42_232_000,
        median_ns=42_405_000,
        p95_ns=42_729_000,
        warmup_runs=50,
        cold_ns=72_635_000,
        init_ns=143_669_000,
        memory_growth_bytes=round(27.5859 * 1024 * 1024),
    )
    assert str(found) == "mean 42.44, median 42.41, p95 42.73 ms over 24 runs"


@pytest.mark.parametrize(
    ("name", "runs", "mean_ms", "init_ms", "growth_mb"),
    [("OF_2019", 15, 66.7676, 9.933, None), ("OF_2020", 50, 33.2094, 0.855, 12.8672)],
)
def test_releases_without_percentiles_leave_them_out(
    name: str, runs: int, mean_ms: float, init_ms: float, growth_mb: float | None
) -> None:
    found = output.read(REAL[name])
    assert (found.runs, found.mean_ns / 1e6, found.init_ns / 1e6) == (runs, mean_ms, init_ms)
    assert (found.p5_ns, found.median_ns, found.p95_ns, found.peak_memory_bytes) == (None, None, None, None)
    assert found.memory_growth_bytes == (None if growth_mb is None else round(growth_mb * (1 << 20)))


def test_the_dialect_of_litert_has_its_times_in_milliseconds() -> None:
    found = output.read(runner_output.OF_LITERT)
    assert (found.runs, found.warmup_runs, found.mean_ns, found.init_ns) == (10, 1, 7_430_200_000, 23_744_730_000)
    assert (found.cold_ns, found.memory_growth_bytes) == (7_441_040_000, round(6391.74 * (1 << 20)))


@pytest.mark.parametrize(
    ("line", "mb"),
    [
        # A measured device of ChromeOS's `mlbenchmark`: --report_peak_memory_footprint=true
        ("INFO: Overall peak memory footprint (MB) via periodic monitoring: 93.2383", 93.2383),
        # LiteRT-CLI's tests: tools/benchmark_litert_model.h, line 132
        ("INFO: [benchmark_litert_model.h:132] Peak memory:          427.64 MB", 427.64),
    ],
)
def test_the_peak_is_read_where_it_was_asked_for(line: str, mb: float) -> None:
    assert output.read(f"{runner_output.OF_2025}{line}\n").peak_memory_bytes == round(mb * (1 << 20))


def test_options_that_the_tool_does_not_know_are_named() -> None:
    line = "WARN: Unconsumed cmdline flags: --use_xnnpack=true --enable_op_profiling=true\n"
    assert output.read(line + runner_output.OF_LITERT).ignored == ("--use_xnnpack", "--enable_op_profiling")


def test_runs_that_were_all_the_same_are_printed_short() -> None:
    text = re.sub(r"count=24 .*", "count=24 curr=42435(all same)", runner_output.OF_2025)
    found = output.read(text)
    assert {found.first_ns, found.min_ns, found.median_ns, found.p95_ns, found.max_ns} == {42_435_000}
    assert (found.runs, found.deviation_ns) == (24, 0)


def test_what_went_wrong_is_in_the_tool_s_own_words() -> None:
    told = output.errors(runner_output.FAILED)
    assert "Node number 57 (BATCH_MATMUL) failed to prepare.; Failed to allocate tensors!" in told
    assert "Benchmarking failed" not in told


@pytest.mark.parametrize(
    ("pattern", "instead", "told"),
    [
        (r"INFO: count=24.*\n", "", "1 lines 'count=...'"),
        (r"INFO: Inference timings.*\n", "", "no line tells the time of initialization"),
        (r"avg=42435.4", "avg=43000", "two lines tell different means"),
        (r"min=42142 max=42763 avg", "min=42142 max=42763000 avg=1 avg", "not as it should be"),
        (r"median=42405", "median=99999", "not in their order"),
        (r"first=42142", "first=1", "the first run"),
        (r"curr=42232 min=42142", "curr=42232 min=-42142", "not as it should be"),
        (r"count=24 .*", "count=24 curr=42435", "cut short"),
        (r"\Z", "INFO: Inference timings in us: Init: 1, Inference (avg): 42435.4\n", "told twice"),
    ],
)
def test_what_does_not_add_up_is_refused(pattern: str, instead: str, told: str) -> None:
    changed = re.sub(pattern, instead, runner_output.OF_2025, count=1)
    assert changed != runner_output.OF_2025
    with pytest.raises(DeviceFailed, match=re.escape(told)):
        output.read(changed)


def read_or_refused(text: str) -> Aggregates | None:
    try:
        return output.read(text)
    except DeviceFailed:
        return None


@given(st.text() | st.binary(max_size=2000).map(lambda raw: raw.decode(errors="replace")))
def test_garbage_is_refused(text: str) -> None:
    assert read_or_refused(text) is None


@given(st.data())
def test_lines_that_are_missing_moved_or_mixed_never_make_impossible_aggregates(data: st.DataObject) -> None:
    text = "\n".join(data.draw(st.lists(st.sampled_from(LINES), max_size=40)))
    found = read_or_refused(text)
    if found is not None:
        assert found.min_ns <= found.first_ns <= found.max_ns
        assert found.min_ns * 0.999 <= found.mean_ns <= found.max_ns * 1.001


@given(st.sampled_from(sorted(REAL)), st.integers(0, 2000), st.text(max_size=20) | st.just("\x1b[31m\ufffd\x00"))
def test_what_is_put_anywhere_is_borne(name: str, at: int, put: str) -> None:
    whole, text = output.read(REAL[name]), REAL[name]
    found = read_or_refused(text[:at] + put + text[at:])
    assert found is None or found.runs > 0
    assert read_or_refused(text) == whole


def test_a_huge_account_is_read_in_lines_of_bounded_length() -> None:
    huge = "Inference timings in us: " + "Init: 1, " * 500_000 + "no stats: 2\n"
    assert output.read(huge.replace("Init", "Inits") + runner_output.OF_2025).runs == 24
    assert output.read("count\n" * 500_000 + runner_output.OF_2025).runs == 24
