"""Child process: run a foreign ONNX graph as it stands. Arguments: MODEL INPUTS OUTPUTS.

Without any optimization, and within limits of memory and time: the graph is not known to be harmless.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from l0gm_edge.core import arrays

MEMORY_BYTES = 8 * 2**30
TIMES_THE_FILE = 8
CPU_SECONDS = 900


def main(model: Path, inputs: Path, outputs: Path) -> None:
    """Run every row on its own and write what came out, (n, *shape), by output name."""
    limit = MEMORY_BYTES + TIMES_THE_FILE * model.stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = arrays.read(inputs)
    count = len(next(iter(rows.values())))
    found = [session.run(names, {name: values[row : row + 1] for name, values in rows.items()}) for row in range(count)]
    arrays.write(outputs, {name: np.concatenate([one[at] for one in found]) for at, name in enumerate(names)})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
