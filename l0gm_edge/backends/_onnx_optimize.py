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
    """Start anew without random addresses: ONNX Runtime writes tables of an .ort in the order of their addresses.

    Where the system does not allow it, the same graph may give files that differ in that order.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "personality"):
        return
    now = libc.personality(ASK)
    if not now & ADDR_NO_RANDOMIZE and libc.personality(now | ADDR_NO_RANDOMIZE) != -1:
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 (this program, once more)


if __name__ == "__main__":
    at_fixed_addresses()
    source, wanted, signed, *outputs = sys.argv[1:]
    main(Path(source), wanted, signed, *map(Path, outputs))
