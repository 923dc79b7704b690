"""Times a model as onnxruntime_perf_test does: one run to warm up, then `run` with the same values again and again.

python plain_onnxruntime.py MODEL RUNS     prints the nanoseconds of each run
"""

import json
import sys
import time

import numpy as np
import onnxruntime

TYPES = {"float": "float32"}


def main(path: str, runs: int) -> None:
    """One thread, every graph optimisation."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    draw, feed = np.random.default_rng(0), {}
    for one in session.get_inputs():
        kind = one.type[len("tensor(") : -1]
        values = draw.standard_normal(one.shape) if kind == "float" else draw.integers(0, 2, one.shape)
        feed[one.name] = values.astype(TYPES.get(kind, kind))
    outputs = [one.name for one in session.get_outputs()]
    session.run(outputs, feed)
    taken = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        session.run(outputs, feed)
        taken.append(time.perf_counter_ns() - began)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
