"""The generated Kotlin class, compiled by kotlinc and run against stand-ins for Android and LiteRT."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.bundle import consumers
from l0gm_edge.bundle.manifest import Model
from l0gm_edge.core.artifact import Affine, TensorSpec
from l0gm_edge.core.scores import probabilities

STAND_INS = Path(__file__).with_name("kotlin")
TOOLS = ("kotlinc", "java")
LABELS = ("café \U0001f642", 'a "b"\\', "$c ??/")
SCALE, ZERO_POINT, TEMPERATURE = 0.04, -11, 0.75
X = (0.31, -1.91, 0.93)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {' and '.join(TOOLS)} (npm: kotlin-compiler)"),
]


def model(name: str, dtype: str, affine: Affine | None) -> Model:
    x, scores = (TensorSpec(name=one, shape=(1, 3), dtype=dtype, quantization=affine) for one in ("x", "logits"))
    return Model(
        name=name,
        runtime="tflite",
        scheme="fp32",
        path=f"models/{name}.tflite",
        measured_sha256="0" * 64,
        inputs=(x, TensorSpec(name="ids", shape=(1, 2), dtype="int64")),
        outputs=(scores,),
        temperature=TEMPERATURE,
        expected="samples/expected.npy",
        tolerance=1e-4,
        tools={},
    )


def test_it_says_what_the_model_says(tmp_path: Path) -> None:
    models = [model("floats", "float32", None), model("integers", "int8", Affine(scale=SCALE, zero_point=ZERO_POINT))]
    sources = {name: text for name, text in consumers.sources(LABELS, models).items() if name.startswith("kotlin/")}
    assert len(sources) == 2
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    jar = tmp_path / "consumer.jar"
    command = ["kotlinc", "-Werror", "-include-runtime", "-d", jar, STAND_INS, tmp_path / "kotlin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = ["java", "-Dstdout.encoding=UTF-8", "-Dfile.encoding=UTF-8", "-cp", jar, "MainKt", *map(str, X)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    floats, refused, closed, integers, _ = done.stdout.splitlines()
    assert refused == "an input has another number of values than the model takes"
    assert closed == "closed"
    rounded = (np.rint(np.array(X) / SCALE)).astype(np.float32) * SCALE
    for said, logits in ((floats, np.array(X, np.float32)), (integers, rounded)):
        label, confidence, *found = said.split("\t")
        wanted = probabilities(logits[None], TEMPERATURE)[0]
        np.testing.assert_allclose(np.array(found, float), wanted, rtol=1e-5)
        assert label == LABELS[wanted.argmax()]
        assert float(confidence) == pytest.approx(wanted.max(), rel=1e-5)
