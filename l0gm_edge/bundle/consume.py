"""Run a model of this bundle on its samples: `python consume.py [MODEL]`. Needs numpy and the model's runtime."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def load(path: Path, runtime: str) -> Any:
    """A function from one row of named inputs, each with a batch axis of 1, to logits (1, classes)."""
    if runtime == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda row: session.run(None, row)[0]
    if runtime == "tflite":
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(model_path=str(path)).get_signature_runner()
        return lambda row: next(iter(runner(**row).values()))
    raise ImportError(f"this consumer cannot run {runtime}")


def run(folder: Path, manifest: dict[str, Any], model: dict[str, Any]) -> Any:
    """Logits (samples, classes) of one model on the bundle's samples."""
    predict, samples = load(folder / model["path"], model["runtime"]), dict(np.load(folder / manifest["samples"]))
    # A runtime may want token ids in another type than the samples have.
    inputs = {spec["name"]: samples[spec["name"]].astype(spec["dtype"], copy=False) for spec in model["inputs"]}
    rows = range(manifest["sample_count"])
    return np.concatenate([predict({name: values[i : i + 1] for name, values in inputs.items()}) for i in rows])


if __name__ == "__main__":
    folder = Path(__file__).parent
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    model = next(one for one in manifest["models"] if one["name"] in sys.argv[1:] or len(sys.argv) == 1)
    scaled = run(folder, manifest, model) / model["temperature"]
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    for row in odds / odds.sum(axis=1, keepdims=True):
        print(f"{manifest['labels'][row.argmax()]}\t{row.max():.3f}")
