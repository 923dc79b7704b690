"""Child process: optimise a graph ahead of loading. Arguments: MODEL LEVEL ARM ONNX ORT OPERATORS.

Writes the graph as .onnx and as .ort, and which operators and types a reduced build of ONNX Runtime needs for it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import onnxruntime
from onnxruntime.tools.ort_format_model import create_config_from_models

ADDR_NO_RANDOMIZE = 0x0040000
ASK = 0xFFFFFFFF
AGAIN = "L0GM_EDGE_AGAIN"
KEPT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "PYTHONWARNINGS", "TMPDIR")
"""Of the environment, which a caller's packages add to, what Python and the runtime may need."""


def main(model: Path, level: str, arm: str, as_onnx: Path, as_ort: Path, operators: Path) -> None:
    """Write all three files; `arm` (1 or 0) is whether 8-bit integers may be signed, as arm64 likes them."""
    for output in (as_onnx, as_ort):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level.upper()}")
        options.optimized_model_filepath = str(output)
        options.log_severity_level = 3
        options.intra_op_num_threads = 1  # other threads would take memory at other times
        options.add_session_config_entry("session.save_model_format", output.suffix[1:].upper())
        options.add_session_config_entry("session.qdqisint8allowed", arm)
        onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    create_config_from_models([as_ort], operators, enable_type_reduction=True)
    lines = operators.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("#")]  # comments name the folder
    operators.write_text("\n".join([f"# {as_ort.name}", *kept, ""]), encoding="utf-8")


def at_fixed_addresses() -> None:
    """Start anew, once: ONNX Runtime writes tables of an .ort in the order of their addresses, and these follow from
    chance and from all that was put into memory before, a module's compilation included.

    Where the system does not allow fixed addresses, the same graph may give files that differ in that order.
    """
    if AGAIN in os.environ:
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "personality"):
        libc.personality(libc.personality(ASK) | ADDR_NO_RANDOMIZE)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    fixed = kept | {"PYTHONHASHSEED": "0", AGAIN: "1"}
    os.execve(sys.executable, sys.orig_argv, fixed)  # noqa: S606 (this program, once more)


if __name__ == "__main__":
    at_fixed_addresses()
    source, wanted, signed, *outputs = sys.argv[1:]
    main(Path(source), wanted, signed, *map(Path, outputs))
