"""Times a model as onnxruntime_perf_test does: one run to warm up, then runs with the same inputs and outputs in place.

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
    draw, bound, kept = np.random.default_rng(0), session.io_binding(), []
    for one in session.get_inputs():
        kind = one.type[len("tensor(") : -1]
        values = draw.standard_normal(one.shape) if kind == "float" else draw.integers(0, 2, one.shape)
        value = onnxruntime.OrtValue.ortvalue_from_numpy(values.astype(TYPES.get(kind, kind)))
        bound.bind_ortvalue_input(one.name, value)
        kept.append(value)
    for one in session.get_outputs():
        kept.append(onnxruntime.OrtValue.ortvalue_from_shape_and_type(one.shape, np.float32))
        bound.bind_ortvalue_output(one.name, kept[-1])
    session.run_with_iobinding(bound)
    taken = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        session.run_with_iobinding(bound)
        taken.append(time.perf_counter_ns() - began)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
