"""The consumer in the bundle, as a person would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from l0gm_edge.bundle import consume, integrity
from l0gm_edge.core.opening import Settings
from l0gm_edge.core.scores import probabilities


def test_it_prints_a_label_and_a_confidence_for_each_sample(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(bundle / "consume.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=bundle.parent,
    )
    manifest = integrity.read(bundle)
    odds = probabilities(np.load(bundle / manifest.models[0].expected), manifest.models[0].temperature)
    expected = [f"{manifest.labels[row.argmax()]}\t{row.max():.3f}" for row in odds]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_token_ids_go_in_as_the_type_that_a_model_takes(tmp_path: Path, kind: str) -> None:
    tiny_models.write_lookup(tmp_path / "lookup.onnx", kind)
    ids = np.array([[0, 2], [1, 1]], np.int64)
    np.savez(tmp_path / "inputs.npz", text=ids)
    manifest = {"samples": "inputs.npz", "sample_count": 2}
    model = {
        "path": "lookup.onnx",
        "runtime": "onnxruntime",
        "inputs": [{"name": "text", "shape": [1, 2], "dtype": kind, "quantization": None}],
        "outputs": [{"name": "y", "shape": [1, 2, 4], "dtype": "float32", "quantization": None}],
        "settings": Settings().model_dump(),
    }
    np.testing.assert_array_equal(consume.run(tmp_path, manifest, model), tiny_models.WEIGHT[ids])


def test_real_numbers_are_rounded_to_what_a_model_takes_and_integers_of_its_own_are_left() -> None:
    spec = {"dtype": "int8", "quantization": {"scale": 0.5, "zero_point": -3}}
    given = np.array([-100, -1, 0, 0.3, 0.8, 100], np.float64)
    np.testing.assert_array_equal(consume.taken(given, spec), np.array([-128, -5, -3, -2, -1, 127], np.int8))
    np.testing.assert_array_equal(consume.taken(np.array([0, 1]), spec), np.array([-3, -1], np.int8))
    integers = np.array([-7, 7], np.int8)
    np.testing.assert_array_equal(consume.taken(integers, spec), integers)
    np.testing.assert_array_equal(consume.real(integers, spec), np.array([-2, 5], np.float32))


def alone(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(bundle / "consume.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=bundle.parent)


def test_outputs_that_are_not_the_expected_ones_end_with_1(bundle: Path) -> None:
    expected = bundle / integrity.read(bundle).models[0].expected
    np.save(expected, np.load(expected) + np.float32(0.1))
    done = alone(bundle)
    assert done.returncode == 1
    assert "from the expected ones" in done.stderr


def test_a_model_that_is_not_there_is_named(bundle: Path) -> None:
    done = alone(bundle, "another")
    assert done.returncode == 2
    assert done.stderr == "there is no model another, only compressed-onnxruntime-fp32\n"


def test_a_program_calls_it_by_input_name(bundle: Path) -> None:
    classifier = consume.Classifier(bundle)
    rows = dict(np.load(bundle / classifier.manifest["samples"]))["image"]
    found = classifier.classify(image=rows[1:3].tolist())
    assert found == classifier.told(np.load(bundle / classifier.model["expected"]))[1:3]
    with pytest.raises(ValueError, match=r"input image has shape \(1, 5\), not \(1, 6\)"):
        classifier.classify(image=rows[:1, :5])


def test_a_missing_input_is_zeros(bundle: Path) -> None:
    classifier = consume.Classifier(bundle)
    (spec,) = classifier.model["inputs"]
    two = {
        "inputs": [spec, spec | {"name": "words", "dtype": "int64", "shape": [1, 4]}],
        "outputs": [{"quantization": None}],
    }
    seen = {}

    def predict(row: dict[str, Any]) -> Any:
        seen.update(row)
        return np.zeros((1, 2), np.float32)

    consume.logits(predict, two, {"image": None, "words": np.ones((3, 4), np.int64)})
    assert seen["image"].shape == (1, 6)
    assert not seen["image"].any()
    assert seen["words"].all()
    with pytest.raises(KeyError, match="words"):
        consume.logits(predict, two, {"image": np.ones((3, 6), np.float32)})


def test_it_stands_alone(bundle: Path) -> None:
    source = (bundle / "consume.py").read_text()
    assert "l0gm_edge" not in source
