"""Every file of l0gm_edge/backends against the `Backend` protocol. A new backend adds its way to run a file below."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge import backends
from l0gm_edge.core import environment, plugins
from l0gm_edge.core.errors import DataError, ExportFailed, MissingExtra, RefusedInput
from l0gm_edge.core.recipe import Quantize

Arrays = Mapping[str, np.ndarray]
Compiled = Callable[[str, str], Path]
Run = Callable[[dict[str, np.ndarray]], np.ndarray]

BACKENDS = plugins.names("l0gm_edge.backends")
UNFIT = {"integer_only"}
"""Schemes that refuse a network with experts."""
SCHEMES = [(name, scheme) for name in BACKENDS for scheme in backends.plugin(name).SCHEMES if scheme not in UNFIT]
LEAST_DB = {"fp16": 60, "mixed_int8": 30, "w8a16": 40, "weight_int8": 35, "weight_int4": 15, "dynamic_int4": 15}
QUANTIZED = [(name, scheme) for name, scheme in SCHEMES if scheme not in ("fp32", "implicit_int8")]
"""Of files that only their device quantizes, nothing can be said here."""


def onnxruntime_runner(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["logits"], inputs)[0]


def tflite_runner(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path), num_threads=1).get_signature_runner()
    return lambda inputs: run(**inputs)["logits"]


RUNNERS: dict[str, Callable[[Path], Run]] = {
    "onnxruntime": onnxruntime_runner,
    "tensorrt": onnxruntime_runner,  # the file that is shipped is plain ONNX; an engine needs a GPU
    "tflite": tflite_runner,
}


ELSEWHERE = {"tensorrt"}
"""Runtimes that are on devices only."""


def outputs(runtime: str, path: Path, samples: Arrays) -> np.ndarray:
    run = RUNNERS[runtime](path)
    count = len(next(iter(samples.values())))
    return np.concatenate(
        [run({name: values[row : row + 1] for name, values in samples.items()}) for row in range(count)]
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_defines_what_the_protocol_asks(name: str) -> None:
    backend = backends.plugin(name)
    assert backend.SUFFIX.startswith(".")
    assert any(environment.installed_version(package) for package in backend.PACKAGES) or name in ELSEWHERE
    assert "fp32" in backend.SCHEMES
    assert all(backend.SCHEMES.values())
    for function in ("require_installed", "convert", "convert_all", "quantize", "inspect"):
        wanted = list(inspect.signature(getattr(backends.Backend, function)).parameters)[1:]
        assert list(inspect.signature(getattr(backend, function)).parameters) == wanted
    assert name in RUNNERS, "say above how to run a file of this backend"


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_with_mixed_layers_can_quantize_and_tell_them_apart(name: str) -> None:
    backend = backends.plugin(name)
    for function in ("sensitivity", "quantize_layers", "costs"):
        assert hasattr(backend, function) == (backends.MIXED in backend.SCHEMES)
        if hasattr(backend, function):
            wanted = list(inspect.signature(getattr(backends.Mixing, function)).parameters)[1:]
            assert list(inspect.signature(getattr(backend, function)).parameters) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_fp32_equals_torch(name: str, compiled: Compiled, samples: Arrays, expected: np.ndarray) -> None:
    np.testing.assert_allclose(outputs(name, compiled(name, "fp32"), samples), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme"), QUANTIZED)
def test_quantized_stays_close(
    name: str, scheme: str, compiled: Compiled, samples: Arrays, expected: np.ndarray
) -> None:
    error = outputs(name, compiled(name, scheme), samples) - expected
    ratio_db = 10 * np.log10((expected**2).sum(1) / (error**2).sum(1))
    # The median: a sample near a tie between experts may be routed to another one.
    assert np.median(ratio_db) > LEAST_DB.get(scheme, 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, scheme in SCHEMES if scheme == "w8a16"])
def test_sixteen_bits_are_not_clipped(name: str, compiled: Compiled, samples: Arrays, tmp_path: Path) -> None:
    clipping = Quantize(ranges="percentile", percentile=90)
    backends.plugin(name).quantize(compiled(name, "fp32"), "w8a16", samples, clipping, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == compiled(name, "w8a16").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme"), QUANTIZED)
def test_quantized_is_smaller(name: str, scheme: str, compiled: Compiled) -> None:
    assert compiled(name, scheme).stat().st_size < compiled(name, "fp32").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme"), SCHEMES)
def test_inspect_tells_inputs_and_outputs(name: str, scheme: str, compiled: Compiled) -> None:
    facts = backends.plugin(name).inspect(compiled(name, scheme))
    assert {one.name: (one.shape, one.dtype) for one in facts.inputs} == {
        "image": ((1, 1, 12, 12), "float32"),
        "tabular": ((1, 12), "float32"),
    }
    assert [(one.name, one.shape, one.dtype) for one in facts.outputs] == [("logits", (1, 5), "float32")]
    assert all("." not in op for op in facts.ops), "only operators of the runtime's own set"
    assert sum(facts.ops.values()) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_same_program_same_bytes_alone_or_after_another(
    name: str, program: Path, compiled: Compiled, tmp_path: Path
) -> None:
    same = tmp_path / "same.pt2"
    same.write_bytes(program.read_bytes())
    made = [tmp_path / "first", tmp_path / "second"]
    backends.plugin(name).convert_all(dict(zip((program, same), made, strict=True)))
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (*made, compiled(name, "fp32"))}
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_files_tell_nothing_of_this_machine(name: str, compiled: Compiled) -> None:
    content = compiled(name, "fp32").read_bytes()
    assert str(Path(__file__).parent).encode() not in content
    assert b"site-packages" not in content


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9])
def test_a_cut_file_is_refused(name: str, share: float, compiled: Compiled, tmp_path: Path) -> None:
    content = compiled(name, "fp32").read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RefusedInput, match=r"not an? "):
        backends.plugin(name).inspect(cut)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_missing_or_foreign_file_is_refused(name: str, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"this is no model, only a line of text\n" * 50)
    for path in (foreign, tmp_path / "missing"):
        with pytest.raises(RefusedInput) as refused:
            backends.plugin(name).inspect(path)
        assert str(path) == refused.value.where


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_a_program_that_cannot_be_converted(name: str, tmp_path: Path) -> None:
    program, output = tmp_path / "broken.pt2", tmp_path / "out"
    program.write_bytes(b"not a program")
    with pytest.raises(ExportFailed) as failed:
        backends.plugin(name).convert(program, output)
    assert failed.value.where == str(program)
    assert "\n  File" not in failed.value.what
    assert list(tmp_path.iterdir()) == [program], "nothing half-written"


@pytest.mark.parametrize("name", BACKENDS)
def test_a_missing_package_names_its_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l0gm_edge.core.environment.find_spec", lambda _: None)
    assert importlib.util.find_spec("l0gm_edge") is not None
    with pytest.raises(MissingExtra, match="pip install 'l0gm-edge"):
        backends.plugin(name).convert(tmp_path / "program.pt2", tmp_path / "out")
    with pytest.raises(MissingExtra, match=rf"pip install 'l0gm-edge\[{backends.plugin(name).EXTRA}\]'"):
        backends.plugin(name).require_installed()


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("spoil", ["another_shape", "missing_input", "no_rows", "uneven_rows"])
def test_a_calibration_set_that_does_not_fit(
    name: str, spoil: str, compiled: Compiled, samples: Arrays, tmp_path: Path
) -> None:
    spoilt = {
        "another_shape": {**samples, "tabular": samples["tabular"][:, :5]},
        "missing_input": {"image": samples["image"]},
        "no_rows": {key: values[:0] for key, values in samples.items()},
        "uneven_rows": {**samples, "tabular": samples["tabular"][:3]},
    }[spoil]
    with pytest.raises(DataError, match="calibration set"):
        backends.plugin(name).quantize(compiled(name, "fp32"), "static_int8", spoilt, Quantize(), tmp_path / "out")
    assert not list(tmp_path.iterdir())
