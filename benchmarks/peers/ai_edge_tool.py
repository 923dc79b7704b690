"""ai-edge-quantizer's recipes as they come: `python ai_edge_tool.py RECIPE SOURCE CALIBRATION OUTPUT`.

RECIPE is one of `ai_edge_quantizer.recipe`; ranges come from its own Calibrator.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from rows import one_by_one


def main(way: str, source: str, calibration: str, output: str) -> None:
    """Quantize one model."""
    tool = quantizer.Quantizer(source, getattr(recipe, way)())
    interpreter = Interpreter(source)
    (signature,) = interpreter.get_signature_list()
    inputs = interpreter.get_signature_runner(signature).get_input_details()
    rows = [
        {name: values.astype(inputs[name]["dtype"]) for name, values in row.items()}
        for row in one_by_one(Path(calibration))
    ]
    ranges = tool.calibrate({signature: rows}) if tool.need_calibration else None
    tool.quantize(ranges).export_model(output, overwrite=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
