"""Run a model of this bundle on its samples: `python consume.py [MODEL]`. Needs numpy and the model's runtime.

Ends with 1 when the outputs are not the expected ones. In a program of your own:

    from consume import Classifier
    label, confidence = Classifier().classify(image=image, text=text)[0]
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def load(path: Path, model: dict[str, Any]) -> Any:
    """A function from one row of named inputs, each with a batch axis of 1, to logits (1, classes)."""
    if model["runtime"] == "onnxruntime":
        import onnxruntime

        options = session_options(onnxruntime, model["settings"])
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda row: session.run(None, row)[0]
    if model["runtime"] == "tflite":
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(model_path=str(path)).get_signature_runner()
        return lambda row: next(iter(runner(**row).values()))
    raise ImportError(f"this consumer cannot run {model['runtime']}")


def session_options(onnxruntime: Any, settings: dict[str, Any]) -> Any:
    """The settings that were measured; null is the runtime's own. On another device, other ones may be faster."""
    options = onnxruntime.SessionOptions()
    if settings["threads"]:
        options.intra_op_num_threads = settings["threads"]
    if settings["inter_op_threads"]:
        options.inter_op_num_threads = settings["inter_op_threads"]
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
    if settings["spinning"] is not None:
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(settings["spinning"])))
        options.add_session_config_entry("session.inter_op.allow_spinning", str(int(settings["spinning"])))
    if settings["arena"] is not None:
        options.enable_cpu_mem_arena = settings["arena"]
    if settings["memory_pattern"] is not None:
        options.enable_mem_pattern = settings["memory_pattern"]
    return options


def logits(predict: Any, model: dict[str, Any], rows: dict[str, Any]) -> Any:
    """Logits (n, classes) of rows by input name, each (n, *shape), or None where it is missing: zeros stand for it.

    Raises ValueError for inputs of another shape.
    """
    count = next((len(values) for values in rows.values() if values is not None), 0)
    inputs = {spec["name"]: taken(given(rows[spec["name"]], spec, count), spec) for spec in model["inputs"]}
    for spec in model["inputs"]:
        found, wanted = inputs[spec["name"]].shape, (count, *spec["shape"][1:])
        if found != wanted:
            raise ValueError(f"input {spec['name']} has shape {found}, not {wanted}")
    found = [predict({name: values[i : i + 1] for name, values in inputs.items()}) for i in range(count)]
    return real(np.concatenate(found), model["outputs"][0])


def given(values: Any, spec: dict[str, Any], count: int) -> Any:
    """Values as an array; zeros where they are missing."""
    return np.zeros((count, *spec["shape"][1:])) if values is None else np.asarray(values)


def taken(values: Any, spec: dict[str, Any]) -> Any:
    """Values as an input takes them: real numbers rounded to its integers, unless they are; token ids in its type."""
    affine = spec["quantization"]
    if affine and values.dtype != spec["dtype"]:
        limits = np.iinfo(spec["dtype"])
        values = np.clip(np.rint(values / affine["scale"]) + affine["zero_point"], limits.min, limits.max)
    return values.astype(spec["dtype"])


def real(values: Any, spec: dict[str, Any]) -> Any:
    """What an output says, in real numbers."""
    affine = spec["quantization"]
    return (values.astype(np.float32) - affine["zero_point"]) * np.float32(affine["scale"]) if affine else values


def run(folder: Path, manifest: dict[str, Any], model: dict[str, Any]) -> Any:
    """Logits (samples, classes) of one model on the bundle's samples."""
    return logits(load(folder / model["path"], model), model, dict(np.load(folder / manifest["samples"])))


class Classifier:
    """One model of the bundle in `folder`: the one called `name`, else the first."""

    def __init__(self, folder: Path = Path(__file__).parent, name: str | None = None) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        models = {model["name"]: model for model in self.manifest["models"]}
        if name is not None and name not in models:
            raise ValueError(f"there is no model {name}, only {', '.join(models)}")
        self.model = models[name or next(iter(models))]
        self.predict = load(folder / self.model["path"], self.model)

    def classify(self, **rows: Any) -> list[tuple[str, float]]:
        """The likeliest label of each row, and how sure the model is (0..1). Every input is (n, *shape), or None."""
        return self.told(logits(self.predict, self.model, rows))

    def told(self, scores: Any) -> list[tuple[str, float]]:
        """Labels and calibrated confidences of logits (n, classes)."""
        scaled = scores / self.model["temperature"]
        odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        return [(self.manifest["labels"][row.argmax()], float(row.max())) for row in odds]

    def samples(self) -> tuple[Any, float]:
        """Logits of the bundle's samples, and how far they are from the expected ones, as a part of the largest."""
        rows = dict(np.load(self.folder / self.manifest["samples"]))
        found, expected = logits(self.predict, self.model, rows), np.load(self.folder / self.model["expected"])
        return found, float(np.abs(found - expected).max() / (np.abs(expected).max() or 1.0))


def main(arguments: list[str]) -> int:
    """Print a label and its confidence for each sample."""
    try:
        classifier = Classifier(name=arguments[0] if arguments else None)
    except (ImportError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    found, off = classifier.samples()
    for label, confidence in classifier.told(found):
        print(f"{label}\t{confidence:.3f}")
    if off <= classifier.model["tolerance"]:
        return 0
    print(f"the outputs differ by {off:.2g} of their scale from the expected ones", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
