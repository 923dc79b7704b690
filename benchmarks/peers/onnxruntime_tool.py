"""ONNX Runtime's own quantizer: `python onnxruntime_tool.py static|preset|dynamic SOURCE CALIBRATION OUTPUT`.

`static` and `dynamic` are its functions with their defaults, `preset` is `get_qdq_config` with its own; all after the
preparation that it recommends.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, get_qdq_config, quantize, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from rows import one_by_one


class Rows(CalibrationDataReader):
    """Calibration rows, as the tool reads them."""

    def __init__(self, calibration: Path) -> None:
        self.rows = one_by_one(calibration)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next row, or None after the last."""
        return next(self.rows, None)


def main(way: str, source: str, calibration: str, output: str) -> None:
    """Quantize one model."""
    with tempfile.TemporaryDirectory() as folder:
        prepared, rows = Path(folder) / "prepared.onnx", Rows(Path(calibration))
        quant_pre_process(source, prepared)
        if way == "static":
            quantize_static(prepared, output, rows)
        elif way == "preset":
            quantize(prepared, output, get_qdq_config(prepared, rows))
        else:
            quantize_dynamic(prepared, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
