"""Intel's Neural Compressor: `python neural_compressor_tool.py static|dynamic SOURCE CALIBRATION OUTPUT`.

Its defaults. It tunes where it is given a function for accuracy, and is given none, as no tool here is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from neural_compressor import PostTrainingQuantConfig, quantization
from rows import one_by_one


class Rows:
    """Calibration rows, as the tool reads them: inputs and a label that is not looked at."""

    batch_size = 1

    def __init__(self, calibration: Path) -> None:
        self.rows = list(one_by_one(calibration))

    def __iter__(self) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        """Every row."""
        return ((row, 0) for row in self.rows)


def main(way: str, source: str, calibration: str, output: str) -> None:
    """Quantize one model."""
    rows = Rows(Path(calibration))
    config = PostTrainingQuantConfig(approach=way, calibration_sampling_size=[len(rows.rows)])
    made = quantization.fit(source, config, calib_dataloader=rows)
    if made is None:
        raise SystemExit("the tool returned no model")
    made.save(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
