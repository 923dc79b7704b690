"""NVIDIA's Model Optimizer on an .onnx file: `python modelopt_tool.py int8 SOURCE CALIBRATION OUTPUT`.

Its defaults, on the CPU, and with float32 where it is not in int8 (by default float16, which CPUs do not compute in).
Where its entropy calibrator fails, as it does on a tensor that never changes, ranges are from minimum to maximum.
"""

from __future__ import annotations

import sys

import numpy as np
from modelopt.onnx.quantization import quantize


def main(way: str, source: str, calibration: str, output: str) -> None:
    """Quantize one model."""
    with np.load(calibration) as held:
        rows = {name: held[name] for name in held.files}
    for method in ("entropy", "max"):
        try:
            quantize(
                source,
                quantize_mode=way,
                calibration_data=rows,
                calibration_method=method,
                calibration_eps=["cpu"],
                high_precision_dtype="fp32",
                output_path=output,
            )
            return
        except ValueError as error:
            print(f"{method}: {error}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
