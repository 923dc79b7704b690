from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from l0gm_edge import backends
from l0gm_edge.backends import ModelFacts
from l0gm_edge.compile.build import build, require_schemes
from l0gm_edge.compile.export import floor_program
from l0gm_edge.core import plugins
from l0gm_edge.core.artifact import Artifact, Role, TensorSpec
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.store import file_sha256

RECIPE = "0" * 64
Build = Callable[[Role, HardwareProfile], tuple[Artifact, ...]]


def profile(**schemes: tuple[str, ...]) -> HardwareProfile:
    runtimes = tuple(Runtime(name=name, schemes=asked) for name, asked in schemes.items())
    return HardwareProfile(name="bench", title="Bench", runtimes=runtimes)


def stand_in() -> SimpleNamespace:
    """A backend whose files are text that tells how they were made."""
    spec = TensorSpec(name="x", shape=(1, 2), dtype="float32")
    return SimpleNamespace(
        SUFFIX=".txt",
        SCHEMES={"fp32": "plain", "static_int8": "small", "fp16": "half"},
        RANGED=frozenset({"static_int8"}),
        convert=lambda program, output: output.write_text(f"from {program.read_text()}"),
        quantize=lambda source, scheme, calibration, settings, output: output.write_text(
            f"{scheme} {source.read_text()}"
        ),
        inspect=lambda model: ModelFacts(inputs=(spec,), outputs=(spec,), ops={"ADD": 1}),
    )


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.setattr(backends, "plugin", lambda name: stand_in())
    program = tmp_path / "model.pt2"
    program.write_text("program")
    return lambda role, hardware: build(program, role, hardware, {}, Quantize(), RECIPE, tmp_path)


def test_fp32_stands_beside_every_scheme(built: Build, tmp_path: Path) -> None:
    made = built(Role.COMPRESSED, profile(one=("static_int8",), two=("static_int8", "fp32", "static_int8")))
    assert [one.name for one in made] == [
        "compressed-one-fp32",
        "compressed-one-static_int8",
        "compressed-two-fp32",
        "compressed-two-static_int8",
    ]
    plain, small, *_ = made
    assert plain.parent_sha256 == file_sha256(tmp_path / "model.pt2")
    assert small.parent_sha256 == plain.sha256
    for one in made:
        assert one.sha256 == file_sha256(tmp_path / one.path)
        assert one.size_bytes == (tmp_path / one.path).stat().st_size
        assert one.recipe_sha256 == RECIPE
        assert "numpy" in one.tools


@pytest.mark.parametrize("role", [Role.DENSE, Role.FLOOR])
def test_references_are_never_quantized(role: Role, built: Build) -> None:
    assert [one.name for one in built(role, profile(one=("static_int8",)))] == [f"{role}-one-fp32"]


def test_an_unknown_scheme_is_refused_before_any_work(built: Build, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'static_int8'") as refused:
        built(Role.DENSE, profile(one=("fp32",), two=("statik_int8",)))
    assert "runtimes[1].schemes" in refused.value.what
    assert refused.value.allowed == "fp32, static_int8, fp16"
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


def test_every_scheme_of_every_backend_is_accepted() -> None:
    names = plugins.names("l0gm_edge.backends")
    require_schemes(profile(**{name: tuple(backends.plugin(name).SCHEMES) for name in names}))


@pytest.mark.slow
def test_the_floor_of_every_runtime(tmp_path: Path) -> None:
    program = tmp_path / "floor.pt2"
    floor_program({"image": torch.zeros(1, 1, 6, 6), "tabular": torch.zeros(1, 4)}, 3, program)
    names = plugins.names("l0gm_edge.backends")
    hardware = profile(**dict.fromkeys(names, ("fp32",)))
    calibration = {"image": np.zeros((1, 1, 6, 6), np.float32)}
    made = build(program, Role.FLOOR, hardware, calibration, Quantize(), RECIPE, tmp_path)
    assert [one.runtime for one in made] == list(names)
    for one in made:
        assert {spec.name for spec in one.inputs} == {"image", "tabular"}
        assert [spec.shape for spec in one.outputs] == [(1, 3)]
        assert one.size_bytes < 4096


def test_only_schemes_with_ranges_name_their_calibration_set(built: Build) -> None:
    made = built(Role.COMPRESSED, profile(one=("static_int8", "fp16")))
    assert [(one.scheme, one.calibration_sha256 is not None) for one in made] == [
        ("fp32", False),
        ("static_int8", True),
        ("fp16", False),
    ]


def test_a_profiles_engine_settings_reach_the_description_of_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of TensorRT's backend stands in: no exporter, and no front end that takes its time."""
    import tensorrt_graphs as graphs

    from l0gm_edge.backends import tensorrt
    from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, FrontEnd
    from l0gm_edge.core.store import read_value

    built = FrontEnd(answer=Answer.BUILT, by="tensorrt 10.3.0", reason="parsed and built")
    monkeypatch.setattr("l0gm_edge.backends._tensorrt_describe.ask_front_end", lambda *_: built)
    monkeypatch.setattr(tensorrt, "convert", lambda _, output: output.write_bytes(graphs.linear().SerializeToString()))
    (tmp_path / "model.pt2").touch()
    runtime = Runtime(name="tensorrt", schemes=("implicit_int8",), engine=EngineSettings(workspace_mb=77))
    hardware = HardwareProfile(name="bench", title="Bench", runtimes=(runtime,))
    rows = {"x": np.ones((3, 16), np.float32)}
    made = build(tmp_path / "model.pt2", Role.COMPRESSED, hardware, rows, Quantize(), None, tmp_path)
    assert [one.scheme for one in made] == ["fp32", "implicit_int8"]
    for one in made:
        description = read_value(EngineDescription, (tmp_path / one.path).with_suffix(tensorrt.DESCRIPTION))
        assert (description.settings.workspace_mb, description.scheme) == (77, one.scheme)
        assert (description.calibration_sha256 is None) == (one.scheme == "fp32")
