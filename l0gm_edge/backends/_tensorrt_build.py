"""Child process: will a TensorRT package take an ONNX file? Arguments: MODEL DESCRIPTION ANSWER.

What is asked is the code that builds on devices. TensorRT-RTX needs no GPU to parse and build; what it builds is no
engine for any board, so only the answer is kept.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from l0gm_edge.core import store
from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, FrontEnd
from l0gm_edge.ondevice import tensorrt_build

PACKAGES = ("tensorrt", tensorrt_build.RTX)
"""Packages with TensorRT's parser and builder, the real one first."""
_WORDS = 400


def ask(trt: Any, model: Path, settings: EngineSettings) -> FrontEnd:
    """What a TensorRT package makes of a file."""
    by = f"{trt.__name__} {trt.__version__}"
    built = tensorrt_build.build(trt, str(model), settings.model_dump())
    if built.engine is None:
        return FrontEnd(answer=Answer.REFUSED, by=by, reason=" ".join(built.reason.split())[:_WORDS])
    return FrontEnd(answer=Answer.BUILT, by=by, reason=built.reason, layers=built.layers)


def main(model: str, description: str, answer: str) -> None:
    """Ask the first package that can be imported about one file; the index also has packages that are only names."""
    settings = store.read_value(EngineDescription, Path(description)).settings
    said = FrontEnd(answer=Answer.NOT_VERIFIED, by=None, reason="TensorRT is installed and cannot be imported")
    for package in PACKAGES:
        try:
            trt = importlib.import_module(package)
        except ImportError:
            continue
        said = ask(trt, Path(model), settings)
        break
    store.write_value(Path(answer), said)


if __name__ == "__main__":
    main(*sys.argv[1:])
