"""The quantization benchmarks: what their bars hold, and both from training to table on a small network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import quantizer_peers
import schemes
from quantizer_peers import FLOAT, OURS, PEERS
from synthetic import measured

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.measurement import LayerTime

Row = dict[str, Any]


def row(runtime: str, ratio: float, **changes: Any) -> Row:
    """A file that ships, `ratio` times fp32's latency."""
    plain = {"network": "net", "runtime": runtime, "scheme": "static_int8", "/ fp32": ratio, "/ best float": ratio}
    return {**plain, "points lost": 0.1, "chosen": True, **changes}


def broken(rows: list[Row]) -> set[str]:
    """The bars of schemes.py that do not hold."""
    return {bar.bar for bar in schemes.bars(rows) if not bar.holds}


def test_bars_hold_for_fast_files_that_lose_nothing() -> None:
    assert broken([row("tflite", 0.5), row("onnxruntime", 0.7)]) == set()


def test_bars_break_on_slow_files_lost_points_and_runtimes_without_a_file() -> None:
    assert broken([row("tflite", 0.5, **{"/ best float": 1.01})]) == {"net, tflite, static_int8: / best float"}
    assert broken([row("tflite", 0.5, **{"points lost": 0.6})]) == {"net, tflite, static_int8: points lost"}
    assert "networks x runtimes with a file that ships" in broken([row("tflite", 0.5, chosen=False)])


def test_the_gain_is_a_geometric_mean_over_what_ships() -> None:
    gains = {0.25: True, 0.5: True, 0.001: False}
    rows = [row("tflite", ratio, network=str(ratio), chosen=chosen) for ratio, chosen in gains.items()]
    (mean,) = (bar.value for bar in schemes.bars(rows) if "geometric mean" in bar.bar)
    assert mean == pytest.approx(8**0.5)


@pytest.mark.parametrize(("runtime", "fast"), [("tflite", "Fully Connected"), ("onnxruntime", "QLinearConv")])
def test_the_fast_share_is_one_of_time(runtime: str, fast: str) -> None:
    layers = (LayerTime(name="a", op=fast, mean_ns=3000), LayerTime(name="b", op="GATHER", mean_ns=1000))
    one = measured(
        Role.COMPRESSED, runtime, "static_int8", ms=1, size=1, noise=0, layers=layers, fallback_ops=("GATHER",)
    )
    assert schemes.fast_share(one.measurement) == pytest.approx(0.75)
    assert schemes.fast_share(one.measurement.model_copy(update={"layers": ()})) is None


def peer_rows(accuracy: float, slower: float) -> list[Row]:
    """Ours at 90 %, and a peer beside it."""
    here = {"network": "net", "runtime": "tflite", "way": "w", "note": ""}
    return [
        {**here, "by": FLOAT, "accuracy %": 91.0, "ours / it": 0.1},
        {**here, "by": OURS, "accuracy %": 90.0, "ours / it": 1.0},
        {**here, "by": "peer", "accuracy %": accuracy, "ours / it": slower},
        {**here, "by": "peer", "note": "failed: no"},
    ]


@pytest.mark.parametrize(
    ("accuracy", "slower", "holds"), [(90.0, 1.1, False), (90.0, 1.0, True), (89.9, 9.0, True), (95.0, 0.8, True)]
)
def test_ours_holds_its_own_unless_a_peer_is_as_good_and_faster(accuracy: float, slower: float, holds: bool) -> None:
    (bar,) = quantizer_peers.bars(peer_rows(accuracy, slower), ())
    assert bar.holds is holds


def test_a_peer_without_any_file_is_told() -> None:
    (_, silent) = quantizer_peers.bars(peer_rows(90, 1), PEERS[:1])
    assert not silent.holds


@pytest.mark.slow
def test_a_small_network_goes_from_training_to_both_tables_and_is_kept(tmp_path: Path) -> None:
    setting = schemes.quick(tmp_path)
    schemes.main(setting)
    kept = tmp_path / "tutorial" / "rows.json"
    made_at = kept.stat().st_mtime_ns
    rows = json.loads(kept.read_text())
    assert [one["scheme"] for one in rows] == ["fp32", "static_int8", "dynamic_int8"]
    assert sum(one["chosen"] for one in rows) == 1
    assert all(one["accuracy %"] > 80 and one["points lost"] <= 0.5 for one in rows if one["chosen"])

    static = replace(PEERS[0], way="static")
    missing = replace(PEERS[0], tool="nobody's", environment="nowhere")
    quantizer_peers.main(replace(setting, out=tmp_path / "peers"), setting, (static, missing))
    told = json.loads((tmp_path / "peers" / "tutorial.json").read_text())
    assert [one["by"] for one in told] == [FLOAT, OURS, "ONNX Runtime", "nobody's"]
    assert told[2]["accuracy %"] > 80
    assert "nowhere" in told[3]["note"]
    assert {"schemes.md", "schemes.json", "quantizer_peers.md"} <= {path.name for path in tmp_path.iterdir()}

    schemes.main(setting)
    assert kept.stat().st_mtime_ns == made_at
