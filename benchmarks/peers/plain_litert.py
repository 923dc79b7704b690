"""Times a model as LiteRT's benchmark_model does: half a second to warm up, then `Invoke` with the inputs in place.

python plain_litert.py MODEL RUNS     prints the nanoseconds of each run
"""

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

WARM_UP_SECONDS = 0.5


def main(path: str, runs: int) -> None:
    """One thread, the default delegate."""
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    draw = np.random.default_rng(0)
    for one in interpreter.get_input_details():
        floats = np.issubdtype(one["dtype"], np.floating)
        values = draw.standard_normal(one["shape"]) if floats else draw.integers(0, 2, one["shape"])
        interpreter.set_tensor(one["index"], values.astype(one["dtype"]))
    ready = time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < ready:
        interpreter.invoke()
    taken = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        interpreter.invoke()
        taken.append(time.perf_counter_ns() - began)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
