"""TFLite metadata, read back by TensorFlow Lite Support's own reader where it is installed (CI installs it)."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import bundles
import compiled
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from l0gm_edge.bundle import integrity
from l0gm_edge.bundle.manifest import Manifest
from l0gm_edge.bundle.write import write
from l0gm_edge.core.dataset import Normalization
from l0gm_edge.core.errors import IntegrityError
from l0gm_edge.core.store import file_sha256

pytestmark = pytest.mark.slow
LABELS = ("café", 'a "b"', "two\nlines")
SCHEMES = compiled.SCHEMES["tflite"]
PIXELS = Normalization(mean=(127.5,), std=(63.75,))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    contents = bundles.contents([bundles.shipped("tflite", scheme) for scheme in SCHEMES], LABELS)
    write(replace(contents, normalization={"image": PIXELS}), folder)
    return folder


def told(path: Path) -> dict[str, object]:
    """The metadata as TensorFlow Lite Support prints it."""
    reader = pytest.importorskip("tensorflow_lite_support.metadata.python.metadata")
    found: dict[str, object] = json.loads(reader.MetadataDisplayer.with_model_file(str(path)).get_metadata_json())
    return found


def logits(path: Path) -> np.ndarray:
    run = Interpreter(str(path)).get_signature_runner()
    kinds = {name: one["dtype"] for name, one in run.get_input_details().items()}
    row = {name: values[:1].astype(kinds[name]) for name, values in bundles.ROWS.items()}
    return run(**row)["logits"]


def test_another_reader_finds_names_labels_normalization_and_temperature(bundle: Path) -> None:
    manifest = integrity.read(bundle)
    for model in manifest.models:
        found = told(bundle / model.path)
        assert (found["name"], found["description"]) == (model.name, "as they come")
        (graph,) = found["subgraph_metadata"]
        inputs = {one["name"]: one for one in graph["input_tensor_metadata"]}
        order = [one["name"] for one in Interpreter(str(bundle / model.path)).get_input_details()]
        assert list(inputs) == order, "the order of the graph's inputs, by which readers match"
        assert inputs["image"]["process_units"] == [
            {"options_type": "NormalizationOptions", "options": {"mean": [127.5], "std": [63.75]}}
        ]
        assert inputs["table"]["process_units"] == []
        (scores,) = graph["output_tensor_metadata"]
        assert scores["name"] == "logits"
        assert f"softmax(scores / {model.temperature})" in scores["description"]
        assert [(one["name"], one.get("type")) for one in scores["associated_files"]] == [
            ("labels.txt", "TENSOR_AXIS_LABELS"),
            ("temperature.txt", None),
        ]
        assert found["min_parser_version"] == "1.0.0"


def test_the_reader_of_android_gets_the_files_and_finds_nothing_missing(bundle: Path) -> None:
    reader = pytest.importorskip("tensorflow_lite_support.metadata.python.metadata")
    (model, *_) = integrity.read(bundle).models
    displayer = reader.MetadataDisplayer.with_model_file(str(bundle / model.path))
    assert displayer.get_packed_associated_file_list() == ["labels.txt", "temperature.txt"]
    assert displayer.get_associated_file_buffer("labels.txt").decode() == 'café\na "b"\ntwo lines\n'
    assert float(displayer.get_associated_file_buffer("temperature.txt")) == model.temperature == 1.5
    version = pytest.importorskip("tensorflow_lite_support.metadata.cc.python._pywrap_metadata_version")
    packed = reader.get_metadata_buffer(bytearray((bundle / model.path).read_bytes()))
    assert version.GetMinimumMetadataParserVersion(bytes(packed)) == "1.0.0"


def test_labels_are_found_by_any_zip_reader(bundle: Path) -> None:
    for model in integrity.read(bundle).models:
        with zipfile.ZipFile(io.BytesIO((bundle / model.path).read_bytes())) as archive:
            assert archive.read("labels.txt").decode().splitlines() == ["café", 'a "b"', "two lines"]
            assert archive.testzip() is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_model_computes_what_it_computed(bundle: Path, scheme: str) -> None:
    shipped, measured = bundle / f"models/compressed-tflite-{scheme}.tflite", compiled.files("tflite")[scheme]
    np.testing.assert_array_equal(logits(shipped), logits(measured))
    assert shipped.stat().st_size - measured.stat().st_size < 3000


def test_the_manifest_names_the_digest_of_the_measured_file_too(bundle: Path) -> None:
    manifest: Manifest = integrity.read(bundle)
    for model in manifest.models:
        assert model.measured_sha256 == file_sha256(compiled.files("tflite")[model.scheme])
        assert manifest.files[model.path].sha256 == file_sha256(bundle / model.path) != model.measured_sha256
    assert manifest.normalization == {"image": PIXELS}


def test_a_changed_temperature_is_seen(bundle: Path, tmp_path: Path) -> None:
    manifest = integrity.read(bundle)
    path = bundle / manifest.models[0].path
    content = path.read_bytes()
    try:
        path.write_bytes(content.replace(b"1.5\n", b"2.5\n"))
        with pytest.raises(IntegrityError, match="was changed"):
            integrity.require_intact(bundle, manifest)
    finally:
        path.write_bytes(content)
