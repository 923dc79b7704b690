"""The profile's table at the sizes and gaps that a real device gives."""

from __future__ import annotations

import io

from rich.console import Console

from l0gm_edge.cli._profile_table import SHOWN_OPERATORS, show
from l0gm_edge.core.measurement import Block, Conditions, LayerTime
from l0gm_edge.core.profiled import ModelProfile, OperatorTimes, Percentile, State

STATE = State(machine={"processor": "[bold]Cortex-A76"}, conditions=Conditions(time="2026-01-01T00:00:00Z"))
PROFILE = ModelProfile(
    model="models/[red]m.onnx",
    sha256="0" * 64,
    size_bytes=1_660_000,
    hardware="some-board",
    runtime="onnxruntime",
    runtime_version="onnxruntime 1.32.0",
    threads=4,
    percentiles=(
        Percentile(q=50, runs_needed=11, value_ns=51_234.0, interval_ns=(50_000.0, 2_345_678.0)),
        Percentile(q=99, runs_needed=662),
    ),
    warmup_runs=(20, 40),
    load_ns=(3_210_000_000,),
    peak_memory_bytes=None,
    operators=None,
    before=STATE,
    after=STATE,
    warnings=("the clock [fell]",),
    blocks=(Block(process=0, round=0, latencies_ns=(51_234, 51_235)),),
)


def shown(profile: ModelProfile, width: int = 120) -> str:
    stream = io.StringIO()
    show(profile, Console(file=stream, width=width, highlight=False))
    return stream.getvalue()


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
