"""Child process: the noise that each layer of a TFLite file brings alone. Arguments: SOURCE CALIBRATION OUTPUT."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer.quantizer import Quantizer
from numpy.typing import NDArray

from l0gm_edge.backends import (
    Sensitivities,
    Sensitivity,
    _calibration_file,
    _tflite_file,
    _tflite_forms,
    _tflite_layers,
    _tflite_quantize,
)
from l0gm_edge.core import store


def main(source: str, calibration: str, output: str) -> None:
    """Measure every layer in every form that it has."""
    inputs, settings = _calibration_file.read(Path(calibration))
    model = _tflite_file.read(Path(source))
    found = _tflite_quantize.ranges(Path(source), inputs, settings)
    samples = _calibration_file.rows(inputs)
    few = [samples[at] for at in _calibration_file.spread(len(samples), settings.subset_size)]
    plain = outputs(Path(source).read_bytes(), few)
    measured = []
    for layer in _tflite_layers.layers(model):
        for form in layer.forms:
            quantizer = Quantizer(source)
            _tflite_forms.set_up(quantizer, model, {layer.name: form})
            made = _tflite_quantize.quantized(quantizer, found)
            lost = _noise(outputs(made, few), plain)
            measured.append(
                Sensitivity(layer=layer.name, op=layer.op, form=form, multiplications=layer.multiplications, noise=lost)
            )
    store.write_value(Path(output), Sensitivities(layers=tuple(measured)))


def outputs(model: bytes, samples: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """The output over all samples, (n, ...)."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    run = interpreter.get_signature_runner()
    kinds = {name: details["dtype"] for name, details in run.get_input_details().items()}
    rows = [
        run(**{name: value.astype(kinds[name], copy=False) for name, value in sample.items()}) for sample in samples
    ]
    return np.concatenate([np.concatenate([row[name].ravel() for row in rows]) for name in rows[0]]).astype(np.float64)


def _noise(found: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The power of the difference over that of what was expected."""
    lost, power = float(np.square(found - expected).sum()), float(np.square(expected).sum())
    return lost / power if power else (math.inf if lost else 0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
