"""Running a bundle's model on its samples, in a process of its own: a runtime that crashes takes nobody along.

The code that runs is this package's copy of the consumer, never the one in the bundle.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.bundle.manifest import MANIFEST, Model
from l0gm_edge.core.engine import TENSORRT
from l0gm_edge.core.errors import MissingExtra, ToolFailed

NO_RUNTIME = 3
TIMEOUT_S = 300


def replay(folder: Path, model: Model) -> NDArray[np.float32]:
    """Logits (samples, classes) of one model, from the file that its path names.

    Raises MissingExtra when its runtime is not installed, ToolFailed when the model does not run.
    """
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "logits.npy"
        command = [sys.executable, "-P", "-m", __name__, str(folder), model.model_dump_json(), str(output)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ToolFailed(f"the samples took longer than {TIMEOUT_S} s", where=model.name) from error
        if done.returncode == NO_RUNTIME:
            raise MissingExtra(model.runtime, _extra(model.runtime), f"running {model.name}", _elsewhere(model.runtime))
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2] or f"the process ended with status {done.returncode}"
            raise ToolFailed(f"the model did not run: {last}", where=model.name)
        loaded: NDArray[np.float32] = np.load(output, allow_pickle=False)
        return loaded


def _extra(runtime: str) -> str:
    return "onnx" if runtime == "onnxruntime" else f"{runtime}-runtime"


def _elsewhere(runtime: str) -> str | None:
    """What to do about a runtime that no extra brings here."""
    return "its engine is built on the device: l0gm-edge profile or compare, there" if runtime == TENSORRT else None


def _main(folder: Path, model: str, output: Path) -> int:
    from l0gm_edge.bundle import consume

    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    try:
        np.save(output, consume.run(folder, manifest, json.loads(model)), allow_pickle=False)
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return NO_RUNTIME
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
