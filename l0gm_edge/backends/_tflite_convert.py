"""Child process: torch.export program -> fp32 TFLite. Arguments: PROGRAM OUTPUT, as often as there are programs."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import litert_torch
import torch

from l0gm_edge.backends import _tflite_file
from l0gm_edge.core import store


def main(program: Path, output: Path) -> None:
    """Convert and write one model."""
    exported = torch.export.load(program)
    _, example = exported.example_inputs
    converted = litert_torch.convert(exported.module(), sample_kwargs=example)
    with TemporaryDirectory(prefix="l0gm-edge-") as folder:
        raw = Path(folder) / "raw.tflite"
        converted.export(str(raw))
        model = _tflite_file.read(raw)
    _tflite_file.rename(model)
    store.write_bytes(output, _tflite_file.pack(model))


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    for program, output in zip(arguments[::2], arguments[1::2], strict=True):
        main(program, output)
