"""A stand-in for LiteRT's `benchmark_model`, which no package ships: it takes the same options, runs the model with the
LiteRT of this Python, and prints what the tool prints, in the dialect of TensorFlow Lite's or of LiteRT's.

This file is what lies on the device; `write` puts the interpreter and the dialect into it.
"""

from __future__ import annotations

import hashlib
import resource
import statistics
import sys
import time
from pathlib import Path

DIALECT = "tflite"
COMMON = {
    "graph": "",
    "num_threads": "-1",
    "num_runs": "50",
    "min_secs": "1",
    "max_secs": "150",
    "warmup_runs": "1",
    "warmup_min_secs": "0.5",
    "report_peak_memory_footprint": "false",
}
OF_TFLITE = {"use_xnnpack": "", "enable_op_profiling": "false", "profiling_output_csv_file": ""}


def write(path: Path, dialect: str = "tflite") -> tuple[Path, str]:
    """The stand-in as an executable file, and its sha256."""
    source = Path(__file__).read_text(encoding="utf-8").replace('DIALECT = "tflite"', f"DIALECT = {dialect!r}", 1)
    path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def say(text: str) -> None:
    print(f"INFO: {text}", flush=True)


def account(name: str, us: list[int], ranks: bool) -> None:
    ordered = sorted(us)
    if ordered[0] == ordered[-1]:
        say(f"count={len(us)} curr={us[-1]}" + ("(all same)" if len(us) > 1 else "") + "\n")
        return
    line = f"count={len(us)} first={us[0]} curr={us[-1]} min={ordered[0]} max={ordered[-1]}"
    line += f" avg={statistics.fmean(us):.6g} std={round(statistics.pstdev(us))}"
    at = [ordered[round(q * (len(us) - 1))] for q in (0.05, 0.5, 0.95)]
    say(line + (f" p5={at[0]} median={at[1]} p95={at[2]}" if ranks else "") + "\n")


def main() -> int:
    known = COMMON if DIALECT == "litert" else COMMON | OF_TFLITE
    pairs = [one[2:].partition("=") for one in sys.argv[1:]]
    given = known | {name: value for name, _, value in pairs if name in known}
    say("STARTING!")
    if unknown := [f"--{name}={value}" for name, _, value in pairs if name not in known]:
        print(f"WARN: Unconsumed cmdline flags: {' '.join(unknown)}")
    from ai_edge_litert.interpreter import Interpreter

    began = time.perf_counter()
    try:
        interpreter = Interpreter(given["graph"], num_threads=int(given["num_threads"]))
        interpreter.allocate_tensors()
    except ValueError as error:
        print(f"ERROR: {error}\nERROR: Benchmarking failed.", file=sys.stderr)
        return 1
    init_us = round(1e6 * (time.perf_counter() - began)) or 1
    say(f"Initialized session in {init_us / 1e3:g}ms.")

    def runs(count: int, seconds: float) -> list[int]:
        taken, first = [], time.perf_counter()
        while len(taken) < count or time.perf_counter() - first < seconds:
            start = time.perf_counter()
            interpreter.invoke()
            taken.append(round(1e6 * (time.perf_counter() - start)))
        return taken

    warm_up = runs(int(given["warmup_runs"]), float(given["warmup_min_secs"]))
    account("warm-up", warm_up, ranks=DIALECT != "old")
    regular = runs(int(given["num_runs"]), float(given["min_secs"]))
    account("runs", regular, ranks=DIALECT != "old")
    mean, peak = statistics.fmean(regular), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    monitored = given["report_peak_memory_footprint"] == "true"
    if DIALECT == "litert":
        say("[benchmark_litert_model.h:92] \n========== BENCHMARK RESULTS ==========")
        say(f"[benchmark_litert_model.h:94] Model initialization: {init_us / 1e3:.2f} ms")
        say(f"[benchmark_litert_model.h:100] Inference (avg):      {mean / 1e3:.2f} ms ({len(regular)} runs)")
        say(f"[benchmark_litert_model.h:128] Overall footprint:    {peak:.2f} MB")
        if monitored:
            say(f"[benchmark_litert_model.h:132] Peak memory:          {peak:.2f} MB")
        return 0
    say(
        f"Inference timings in us: Init: {init_us}, First inference: {warm_up[0]}, "
        f"Warmup (avg): {statistics.fmean(warm_up):.6g}, Inference (avg): {mean:.6g}"
    )
    say(f"Memory footprint delta from the start of the tool (MB): init=1 overall={peak:.6g}")
    if monitored:
        say(f"Overall peak memory footprint (MB) via periodic monitoring: {peak:.6g}")
    if given["enable_op_profiling"] == "true":
        head = "node type, first, avg_ms, %, cdf%, mem KB, times called, name"
        rows = [f"{op}, 0.1, 0.1, 50%, 50%, 0, 1, [node {at}]:{at}" for at, op in enumerate(("FULLY_CONNECTED", "ELU"))]
        table = "\n".join((f"{'=' * 30} Run Order {'=' * 30}", head, *rows, ""))
        Path(given["profiling_output_csv_file"]).write_text(
            f"Operator-wise Profiling Info for Regular Benchmark Runs:\n{table}\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
