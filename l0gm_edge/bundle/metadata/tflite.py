"""TFLite's own metadata: a flatbuffer inside the model's, and the files it names in a zip archive at its end.

Android's MetadataExtractor, MediaPipe and the tflite-support package read it, and a plain unzip the labels. Tables and
numbers below are those of metadata_schema.fbs (TensorFlow Lite Support 0.4.4, MediaPipe).
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from l0gm_edge.bundle.metadata import Told, _table
from l0gm_edge.core.artifact import TensorSpec

NAME, IDENTIFIER = b"TFLITE_METADATA", b"M001"
OLDEST_PARSER = "1.0.0"
LABELS, TEMPERATURE = "labels.txt", "temperature.txt"
OTHER_FILE, AXIS_LABELS = 0, 2
FEATURE_PROPERTIES = 1
NORMALIZATION_OPTIONS = 1
EPOCH = (1980, 1, 1, 0, 0, 0)


def written(source: Path, told: Told) -> bytes:
    """As `MetadataWriter.written`. Raises RefusedInput for weights of 2 GB and more."""
    from ai_edge_litert import schema_py_generated as schema

    from l0gm_edge.backends import _tflite_file  # imports ai_edge_litert

    model = _tflite_file.read(source)
    signature = model.signatureDefs[0]
    order = list(model.subgraphs[signature.subgraphIndex].inputs)
    place = {port.name.decode(): order.index(port.tensorIndex) for port in signature.inputs}
    inputs = sorted(told.model.inputs, key=lambda spec: place[spec.name])
    held, entry = schema.BufferT(), schema.MetadataT()
    held.data = np.frombuffer(_table.packed(_model(told, inputs), IDENTIFIER), np.uint8)
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(held)
    model.metadata = [*(model.metadata or ()), entry]
    return _with_files(_tflite_file.pack(model), told)


def _with_files(content: bytes, told: Told) -> bytes:
    files = {
        LABELS: "".join(f"{' '.join(label.splitlines())}\n" for label in told.labels),
        TEMPERATURE: f"{told.model.temperature}\n",
    }
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), text.encode())
    return buffer.getvalue()


def _model(told: Told, inputs: list[TensorSpec]) -> _table.Table:
    graph = (
        "main",
        None,
        [_input(told, spec) for spec in inputs],
        [_scores(told, spec) for spec in told.model.outputs],
    )
    return (told.model.name, told.preprocess, None, [graph], None, None, None, OLDEST_PARSER)


def _input(told: Told, spec: TensorSpec) -> _table.Table:
    known = told.normalization.get(spec.name)
    units: list[_table.Table] = []
    if known is not None:
        units.append((NORMALIZATION_OPTIONS, ([*known.mean], [*known.std])))
    return (spec.name, _described(spec), None, (FEATURE_PROPERTIES, ()), units)


def _scores(told: Told, spec: TensorSpec) -> _table.Table:
    files: list[_table.Table] = [
        (LABELS, "The classes, in the order of the scores.", AXIS_LABELS),
        (TEMPERATURE, "Divides the scores before softmax, so that the confidence can be believed.", OTHER_FILE),
    ]
    said = f"{_described(spec)}: a score for each class; softmax(scores / {told.model.temperature}) is how sure it is."
    return (spec.name, said, None, (FEATURE_PROPERTIES, ()), [], None, files)


def _described(spec: TensorSpec) -> str:
    shape = " x ".join(map(str, spec.shape))
    stands_for = ""
    if spec.quantization is not None:
        stands_for = f", (value - {spec.quantization.zero_point}) * {spec.quantization.scale} in real numbers"
    return f"{spec.dtype} {shape}{stands_for}"
