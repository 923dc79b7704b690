"""The generated consumers: C++ compiled and run against the expected outputs, Kotlin read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import bundles
import compiled
import numpy as np
import pytest
import tiny_models

from l0gm_edge.bundle import consume, consumers, integrity
from l0gm_edge.bundle.manifest import Model
from l0gm_edge.bundle.write import write
from l0gm_edge.core.artifact import Affine, TensorSpec

HEADERS = Path(__file__).with_name("headers")
TOOLS = ("cmake", "c++")
compiles = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {' and '.join(TOOLS)}")
# Quotes, a backslash, a trigraph, a Kotlin template and letters of two planes.
LABELS = ("café \U0001f642", 'a "b"\\', "$c ??/")
KOTLIN = "kotlin/compressed-tflite-fp32.kt"


def library(package: str, pattern: str) -> Path | None:
    """A runtime's shared library in its wheel."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders for path in Path(folder).rglob(pattern)), None)


def official() -> Path | None:
    """ONNX Runtime's own headers, where they are: Debian's libonnxruntime-dev, or ONNXRUNTIME_HEADERS."""
    places = (os.environ.get("ONNXRUNTIME_HEADERS"), "/usr/include/onnxruntime")
    return next((Path(one) for one in places if one and (Path(one) / "onnxruntime_c_api.h").is_file()), None)


@pytest.fixture
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Headers and libraries of both runtimes as their releases lay them out; with `official`, ONNX Runtime's own."""
    onnx_headers = official() if getattr(request, "param", "ours") == "official" else HEADERS
    if onnx_headers is None:
        pytest.skip("needs Debian's libonnxruntime-dev, or ONNXRUNTIME_HEADERS")
    found = {
        "libonnxruntime.so": library("onnxruntime", "libonnxruntime.so*"),
        "libonnxruntime.so.1": library("onnxruntime", "libonnxruntime.so*"),
        "libLiteRt.so": library("ai_edge_litert", "libLiteRt.so"),
    }
    if absent := [name for name, path in found.items() if path is None]:
        pytest.skip(f"the wheels installed here bring no {', '.join(absent)}")
    root = tmp_path / "releases"
    (root / "lib").mkdir(parents=True)
    for name, path in found.items():
        (root / "lib" / name).symlink_to(str(path))
    (root / "include").mkdir()
    (root / "include" / "litert").symlink_to(HEADERS / "litert")
    (root / "include" / "onnxruntime").symlink_to(onnx_headers)
    return root


def compile_all(bundle: Path, releases: Path, build: Path) -> None:
    """The commands at the top of CMakeLists.txt, warnings being errors."""
    roots = [f"-D{name}_ROOT={releases}" for name in ("ONNXRUNTIME", "LITERT")]
    flags = "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wtrigraphs -Werror"
    for command in (["cmake", "-S", bundle / "cpp", "-B", build, *roots, flags], ["cmake", "--build", build]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def classify(program: Path, releases: Path, *arguments: Path) -> subprocess.CompletedProcess[str]:
    command = [program, *arguments]
    environment = {"LD_LIBRARY_PATH": str(releases / "lib")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def raw(folder: Path, rows: dict[str, np.ndarray]) -> list[Path]:
    """Inputs as files of bare numbers."""
    for name, values in rows.items():
        values.tofile(folder / f"{name}.bin")
    return [folder / f"{name}.bin" for name in rows]


@compiles
@pytest.mark.slow
@pytest.mark.parametrize("releases", ["ours", "official"], indirect=True)
def test_cpp_gives_the_expected_outputs_in_every_runtime(releases: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    models = [bundles.shipped(*model) for model in compiled.FILES]
    models[0] = bundles.finished(models[0], tmp_path)
    manifest = write(bundles.contents(models, LABELS), bundle)
    compile_all(bundle, releases, tmp_path / "build")
    files = raw(tmp_path, bundles.ROWS)
    assert [len(model.paths) for model in manifest.models] == [3] + [1] * (len(models) - 1)
    for model, path in [(one, path) for one in manifest.models for path in one.paths]:
        done = classify(tmp_path / "build" / model.name, releases, bundle / path, *files)
        assert done.returncode == 0, done.stderr
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        expected = np.load(bundle / model.expected)
        found = np.array([line[2:] for line in lines], dtype=np.float32)
        assert np.abs(found - expected).max() <= model.tolerance * np.abs(expected).max()
        python = consume.Classifier(bundle, model.name).told(found)
        assert [tuple(line[:2]) for line in lines] == [(label, f"{confidence:.3f}") for label, confidence in python]


@compiles
@pytest.mark.slow
def test_cpp_refuses_what_does_not_fit(releases: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    manifest = write(bundles.contents([bundles.shipped(runtime, "fp32") for runtime in bundles.RUNTIMES]), bundle)
    compile_all(bundle, releases, tmp_path / "build")
    image, table = raw(tmp_path, bundles.ROWS)
    short = tmp_path / "short.bin"
    short.write_bytes(table.read_bytes()[:-1])
    onnx, tflite = (bundle / model.path for model in manifest.models)
    others = {
        "onnxruntime": tiny_models.write_onnx(tmp_path / "other.onnx"),
        "tflite": tiny_models.write_tflite(tmp_path / "other.tflite"),
    }
    named = {"onnxruntime": "image", "tflite": "its inputs or outputs have other names"}
    for model, other in zip(manifest.models, (tflite, onnx), strict=True):
        program = tmp_path / "build" / model.name
        for arguments, words in {
            (): "one file for each input: image table",
            (bundle / model.path, image, short): "whole rows",
            (bundle / model.path, image, tmp_path / "none.bin"): "cannot read",
            (other, image, table): "",  # no model of this runtime
            (others[model.runtime], image, table): named[model.runtime],
            (tmp_path / "none", image, table): "",
        }.items():
            done = classify(program, releases, *arguments)
            assert (done.returncode, done.stdout) == (1, ""), arguments
            assert words in done.stderr.splitlines()[-1]


@compiles
@pytest.mark.slow
def test_cpp_takes_token_ids(releases: Path, tmp_path: Path) -> None:
    """Inputs of eight bytes, in a model whose class scores are its only output."""
    path = tmp_path / "lookup.onnx"
    tiny_models.write_lookup(path, "int64")
    spec = TensorSpec(name="text", shape=(1, 2), dtype="int64")
    given = np.array([[0, 2], [1, 1]], np.int64)
    expected = tiny_models.WEIGHT[given].reshape(2, -1)
    model = model_of((spec,), (TensorSpec(name=output_of(path), shape=(1, expected.shape[1]), dtype="float32"),))
    put(consumers.sources([str(k) for k in range(expected.shape[1])], [model]), tmp_path)
    compile_all(tmp_path, releases, tmp_path / "build")
    done = classify(tmp_path / "build" / model.name, releases, path, *raw(tmp_path, {"text": given}))
    found = [[float(value) for value in line.split("\t")[2:]] for line in done.stdout.splitlines()]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def output_of(path: Path) -> str:
    import onnx

    return str(onnx.load(path).graph.output[0].name)


def put(sources: dict[str, str], folder: Path) -> None:
    for name, text in sources.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def model_of(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], runtime: str = "onnxruntime") -> Model:
    return Model(
        name="small",
        runtime=runtime,
        scheme="fp32",
        path=f"models/small.{runtime}",
        measured_sha256="0" * 64,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        temperature=0.75,
        expected="samples/expected.npy",
        tolerance=1e-4,
        tools={},
    )


SCORES = TensorSpec(name="logits", shape=(1, 2), dtype="float32")


def kotlin(*inputs: TensorSpec, labels: Sequence[str] = ("a", "b")) -> str:
    scores = TensorSpec(name="logits", shape=(1, len(labels)), dtype="float32")
    return consumers.sources(labels, [model_of(inputs, [scores], "tflite")])["kotlin/small.kt"]


def test_kotlin_is_written_for_the_inputs_and_outputs() -> None:
    text = kotlin(
        TensorSpec(name="image", shape=(1, 8, 8, 3), dtype="uint8"),
        TensorSpec(name="text.ids", shape=(1, 16), dtype="int64"),
        TensorSpec(name="when", shape=(1, 4), dtype="float32"),
    )
    assert "fun classify(image: ByteArray, text_ids: LongArray, when_: FloatArray): Prediction {" in text
    assert '"image" to buffer(192, image.size == 192)' in text
    assert '"text.ids" to buffer(128, text_ids.size == 16)' in text
    assert '"when" to buffer(16, when_.size == 4)' in text
    assert 'mapOf<String, Any>("logits" to logits)' in text
    assert "const val TEMPERATURE = 0.75f" in text
    assert 'context.assets.open("small.tflite")' in text
    assert "package edge.small\n" in text


def test_kotlin_is_balanced_and_imports_what_it_uses() -> None:
    text = kotlin(TensorSpec(name="x", shape=(1, 3), dtype="float32"), labels=LABELS)
    code = re.sub(r'"[^"\n]*"|//.*|/\*.*?\*/', "", text, flags=re.DOTALL)
    for opening, closing in ("()", "{}", "[]", "<>"):
        assert code.replace("->", "").count(opening) == code.replace("->", "").count(closing)
    imported = {line.rpartition(".")[2] for line in re.findall(r"(?m)^import (.+)$", text)}
    body = text.rpartition("import ")[2].partition("\n")[2]
    assert imported == {name for name in imported if re.search(rf"\b{name}\b", body)}
    assert {"Context", "ByteBuffer", "ByteOrder", "Interpreter", "exp"} == imported


def test_labels_read_back_as_they_were() -> None:
    text = kotlin(TensorSpec(name="x", shape=(1, 3), dtype="float32"), labels=LABELS)
    inside = text.partition("LABELS = listOf(")[2].partition("\n        )")[0]
    units = [
        re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), label)
        for label in re.findall('"(.*)"', inside)
    ]
    assert tuple(label.encode("utf-16", "surrogatepass").decode("utf-16") for label in units) == LABELS


def test_two_inputs_never_share_a_parameter() -> None:
    specs = [TensorSpec(name=name, shape=(1, 1), dtype="float32") for name in ("a.b", "a_b", "a:b", "1", "fun")]
    assert (
        "classify(a_b: FloatArray, a_b_: FloatArray, a_b__: FloatArray, in_1: FloatArray, fun_: FloatArray)"
        in kotlin(*specs)
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "classes"), [("float16", "float32", 2), ("float32", "int8", 2), ("float32", "float32", 3)]
)
def test_a_model_of_other_numbers_gets_none(inputs: str, outputs: str, classes: int) -> None:
    given = TensorSpec(name="x", shape=(1, 1), dtype=inputs)
    model = model_of([given], [TensorSpec(name="logits", shape=(1, classes), dtype=outputs)])
    assert consumers.sources(("a", "b"), [model]) == {}


def test_integers_that_stand_for_real_numbers_are_turned_into_them() -> None:
    affine = Affine(scale=0.5, zero_point=-3)
    given = TensorSpec(name="x", shape=(1, 3), dtype="int8", quantization=affine)
    scores = TensorSpec(name="logits", shape=(1, 2), dtype="int8", quantization=affine)
    sources = consumers.sources(("a", "b"), [model_of([given], [scores], "tflite")])
    assert "(scores[0][it] - -3) * 0.5f" in sources["kotlin/small.kt"]
    assert "Math.rint((values[it] / 0.5f).toDouble()) + -3" in sources["kotlin/small.kt"]
    assert '{ "x", 3, 0.5f, -3 },' in sources["cpp/small.cpp"]


def test_a_runtime_without_a_template_gets_none() -> None:
    assert consumers.sources(("a", "b"), [model_of([SCORES], [SCORES], "abacus")]) == {}


def test_the_same_manifest_gives_the_same_code_and_it_is_in_it(bundle: Path) -> None:
    manifest = integrity.read(bundle)
    sources = consumers.sources(manifest.labels, manifest.models)
    assert {name: (bundle / name).read_text(encoding="utf-8") for name in sources} == sources
    assert set(sources) <= set(manifest.files)
