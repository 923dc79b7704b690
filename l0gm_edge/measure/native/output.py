"""What `benchmark_model` prints, read into aggregates.

TensorFlow Lite's tool and LiteRT's share the two lines `count=... first=...` (microseconds; the warm-up, then the runs;
with percentiles in newer releases) and differ in how they tell the rest. What does not add up is refused, not guessed.
The sources: tflite/tools/benchmark/benchmark_model.cc and litert/tools/benchmark_litert_model.h of LiteRT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import ValidationError

from l0gm_edge.core.aggregates import ROUNDING, Aggregates
from l0gm_edge.core.errors import DeviceFailed

LONGEST_LINE = 1000
MOST_IGNORED = 20
_N = r"\d{1,15}(?:\.\d{1,12})?(?:e[+-]?\d{1,2})?"
_BODY = re.compile(r"(?:[A-Z]+: )?(?:\[[\w.]+:\d+\] )?(.*)", re.ASCII)
_STATISTICS = re.compile(
    rf"count=(?P<count>\d{{1,9}}) first=(?P<first>{_N}) curr={_N} min=(?P<min>{_N}) max=(?P<max>{_N}) "
    rf"avg=(?P<avg>{_N}) std=(?P<std>{_N})(?: p5=(?P<p5>{_N}) median=(?P<median>{_N}) p95=(?P<p95>{_N}))?\s*",
    re.ASCII,
)
_ALL_SAME = re.compile(rf"count=(?P<count>\d{{1,9}}) curr=(?P<curr>{_N})(?P<several>\(all same\))?\s*", re.ASCII)
_LINES = {
    "init_us": rf"(?:Average i|I)nference timings in us: (?:.*, )?Init: ({_N})(?:, .*)?",
    "mean_us": rf"(?:Average i|I)nference timings in us: .*, (?:Inference \(avg\)|Inference|no stats): ({_N})\s*",
    "init_ms": rf"Model initialization:\s+({_N}) ms\s*",
    "mean_ms": rf"Inference \(avg\):\s+({_N}) ms \(\d+ runs\)\s*",
    "growth_mb": rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
    rf"init={_N} overall=({_N})\s*",
    "overall_mb": rf"Overall footprint:\s+({_N}) MB\s*",
    "monitored_mb": rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({_N})\s*",
    "peak_mb": rf"Peak memory:\s+({_N}) MB\s*",
}
"""A figure each; MB are of 1024 kB of 1024 bytes."""
_FIGURES = {name: re.compile(pattern, re.ASCII) for name, pattern in _LINES.items()}
_IGNORED = re.compile(r"Unconsumed cmdline flags: (.*)")
MB = 1 << 20
HALF_A_HUNDREDTH_MS = 5_001.0


def read(text: str) -> Aggregates:
    """What one process printed on both its streams. Raises DeviceFailed for what cannot be such an account."""
    bodies = [match[1] for line in _lines(text) if (match := _BODY.fullmatch(line))]
    statistics = [found for body in bodies if body.startswith("count=") for found in [_statistics(body)]]
    if len(statistics) != 2:
        raise _unsound(f"{len(statistics)} lines 'count=...' where two are printed, of the warm-up and of the runs")
    told = _told(bodies)
    warm_up, runs = statistics
    init_ns = _one_of(told, ("init_us", 1e3), ("init_ms", 1e6))
    mean_ns = _one_of(told, ("mean_us", 1e3), ("mean_ms", 1e6))
    if init_ns is None or mean_ns is None:
        raise _unsound("no line tells the time of initialization and the mean of the runs")
    if abs(mean_ns - runs["mean_ns"]) > ROUNDING * mean_ns + HALF_A_HUNDREDTH_MS:
        raise _unsound("two lines tell different means of the same runs")
    growth = _one_of(told, ("growth_mb", MB), ("overall_mb", MB))
    peak = _one_of(told, ("monitored_mb", MB), ("peak_mb", MB))
    try:
        return Aggregates.model_validate(
            {
                **runs,
                "warmup_runs": warm_up["runs"],
                "cold_ns": warm_up["first_ns"],
                "init_ns": round(init_ns),
                "memory_growth_bytes": None if growth is None else round(growth),
                "peak_memory_bytes": None if peak is None else round(peak),
                "ignored": tuple(_ignored(bodies)),
            }
        )
    except ValidationError as error:
        raise _unsound(error.errors(include_url=False)[0]["msg"]) from error


def errors(text: str) -> str:
    """The lines in which the tool says what went wrong, the first three."""
    told = [line.partition(": ")[2] for line in _lines(text) if line.startswith(("ERROR: ", "FATAL: "))]
    return "; ".join(told[:3])


def _lines(text: str) -> list[str]:
    return [line[:LONGEST_LINE] for line in text.split("\n")]


def _statistics(body: str) -> dict[str, float]:
    """A line of statistics, in nanoseconds. One value alone, or the same all over, is printed as it is."""
    if same := _ALL_SAME.fullmatch(body):
        count, value = int(same["count"]), _ns(same["curr"])
        if (count > 1) != bool(same["several"]):
            raise _unsound("a line of statistics is cut short")
        every = ("first_ns", "min_ns", "max_ns", "mean_ns", "p5_ns", "median_ns", "p95_ns")
        return {"runs": count, "deviation_ns": 0, **dict.fromkeys(every, value)}
    found = _STATISTICS.fullmatch(body)
    if found is None:
        raise _unsound("a line of statistics is not as it should be")
    names = {"min": "min_ns", "max": "max_ns", "first": "first_ns", "avg": "mean_ns", "std": "deviation_ns"}
    names |= {name: f"{name}_ns" for name in ("p5", "median", "p95") if found[name] is not None}
    return {"runs": int(found["count"]), **{key: _ns(found[name]) for name, key in names.items()}}


def _told(bodies: Iterable[str]) -> dict[str, float]:
    """The single figures. Raises DeviceFailed for one that is told twice, differently."""
    told: dict[str, float] = {}
    for body in bodies:
        for name, pattern in _FIGURES.items():
            if match := pattern.fullmatch(body):
                value = float(match[1])
                if told.setdefault(name, value) != value:
                    raise _unsound("a figure is told twice, and differently")
    return told


def _one_of(told: dict[str, float], *names: tuple[str, float]) -> float | None:
    """The first figure that is told, times its unit."""
    return next((told[name] * unit for name, unit in names if name in told), None)


def _ignored(bodies: Iterable[str]) -> list[str]:
    """The names of the options that the tool did not know."""
    given = [word for body in bodies if (match := _IGNORED.fullmatch(body)) for word in match[1].split()]
    return [word.partition("=")[0] for word in given if word.startswith("--")][:MOST_IGNORED]


def _ns(us: str) -> float:
    value = float(us) * 1e3
    return round(value) if value < 1e18 else value


def _unsound(why: str) -> DeviceFailed:
    return DeviceFailed(
        f"what the runner printed cannot be read: {why}",
        allowed="the output of LiteRT's or TensorFlow Lite's benchmark_model",
    )
