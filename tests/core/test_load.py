"""Every way a recipe or profile can be wrong is told with file, key, what was found, what is allowed, nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core import load
from l0gm_edge.core.errors import RecipeError


def refusal(path: Path, text: str, overrides: tuple[str, ...] = ()) -> RecipeError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load.recipe(str(path), overrides)
    return caught.value


def test_a_valid_recipe_loads_with_its_defaults(recipe_file: Path) -> None:
    recipe = load.recipe(str(recipe_file))
    assert recipe.name == "tiny"
    assert recipe.model.encoders["image"].widths == (16, 32)
    assert recipe.gates.target.active_fraction == 0.4
    assert recipe.seed == 0


@pytest.mark.parametrize(
    ("line", "wrong", "key", "nearest"),
    [
        ("name: tiny", "name: tiny\nlern: {}", "lern", "learn"),
        ("steps: 20", "stepz: 20", "learn.stepz", "steps"),
        ("{name: digits}", "{nome: digits}", "data.nome", "name"),
        ("active_fraction", "activ_fraction", "gates.target.activ_fraction", "active_fraction"),
        ("latent: 32", "latentt: 32", "model.latentt", "latent"),
        ("table: {encoder: tabular, widths", "table: {encoder: tabular, width", "model.encoders.table.width", "widths"),
        ("weight: 0.5", "wieght: 0.5", "distill.wieght", "weight"),
        ("top_k: 2", "topk: 2", "moe.topk", "top_k"),
    ],
)
def test_an_unknown_key_gets_the_nearest_name_at_every_level(
    recipe_file: Path, recipe_text: str, line: str, wrong: str, key: str, nearest: str
) -> None:
    error = refusal(recipe_file, recipe_text.replace(line, wrong))
    assert f"{key}: unknown key; did you mean '{nearest}'?" in error.what
    assert error.where == str(recipe_file)
    assert error.todo
    assert "docs/recipes.md" in error.todo


def test_an_unknown_key_that_resembles_nothing_gets_the_list(recipe_file: Path, recipe_text: str) -> None:
    error = refusal(recipe_file, recipe_text + "zzz: 1\n")
    assert "zzz: unknown key (allowed: name, description, seed, data," in error.what


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("steps: 20", "steps: many", "learn.steps: Input should be a valid integer"),
        ("steps: 20", "steps: 0", "learn.steps: Input should be greater than 0 (found 0)"),
        (
            "steps: 20",
            "steps: 1.5",
            "learn.steps: Input should be a valid integer, got a number with a fractional part",
        ),
        ("latent: 32", "latent: [1]", "model.latent: Input should be a valid integer (found [1])"),
        ("active_fraction: 0.4", "active_fraction: 1.4", "gates.target.active_fraction: Input should be less than or"),
        ("active_fraction: 0.4", "active_fraction: 0", "gates.target.active_fraction: Input should be greater than 0"),
        ("widths: [32]", "widths: []", "model.encoders.table.widths: Tuple should have at least 1 item"),
        ("name: tiny", "name: a/b", "name: String should match pattern"),
        ("name: tiny", "name: tiny\nseed: -1", "seed: Input should be greater than or equal to 0"),
        ("encoder: tabular", "encoder: Tab-ular", "model.encoders.table.encoder: String should match pattern"),
        ("data: {name: digits}", "data: digits", "data: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_value_is_told_by_key_and_what_was_found(
    recipe_file: Path, recipe_text: str, right: str, wrong: str, expected: str
) -> None:
    assert right in recipe_text
    error = refusal(recipe_file, recipe_text.replace(right, wrong))
    assert expected in error.what
    assert error.where == str(recipe_file)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("top_k: 2", "top_k: 5", "moe: top_k (5) cannot exceed experts (4)"),
        ("steps: 20", "steps: 20, warm_up: 0.6, recovery: 0.4", "learn: warm_up (0.6) + recovery (0.4) must leave"),
        ("active_fraction: 0.4", "active_fraction: 0.4, parameters: 9", "found active_fraction, parameters"),
        ("{active_fraction: 0.4}", "{}", "gates.target: give exactly one of units, active_fraction"),
    ],
)
def test_a_contradiction_is_refused(recipe_file: Path, recipe_text: str, right: str, wrong: str, expected: str) -> None:
    assert right in recipe_text
    assert expected in refusal(recipe_file, recipe_text.replace(right, wrong)).what


def test_every_problem_of_a_recipe_is_told_at_once(recipe_file: Path, recipe_text: str) -> None:
    error = refusal(recipe_file, recipe_text.replace("steps: 20", "stepz: 20").replace("latent: 32", "latent: 0"))
    assert "model.latent" in error.what
    assert "learn.stepz" in error.what
    assert "learn.steps: required, but not given" in error.what


@pytest.mark.parametrize(
    ("right", "wrong", "key", "nearest"),
    [
        ("name: digits", "name: digit", "data.name", "digits"),
        ("encoder: image", "encoder: imgae", "model.encoders.image.encoder", "image"),
        ("  target:", "  method: hard_concret\n  target:", "gates.method", "hard_concrete"),
    ],
)
def test_an_unknown_plugin_gets_the_list_and_the_nearest_name(
    recipe_file: Path, recipe_text: str, right: str, wrong: str, key: str, nearest: str
) -> None:
    error = refusal(recipe_file, recipe_text.replace(right, wrong))
    assert error.what.startswith(f"{key}: found '")
    assert f"did you mean '{nearest}'?" in error.what
    assert nearest in str(error.allowed)


def test_a_key_that_stands_twice_is_refused_with_its_line(recipe_file: Path, recipe_text: str) -> None:
    error = refusal(recipe_file, recipe_text + "learn: {steps: 30}\n")
    line = recipe_text.count("\n") + 1
    assert error.what == "not valid YAML: key 'learn' stands twice"
    assert error.where == f"{recipe_file}:{line}:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [", "not valid YAML"),
        ("name: !!python/object/apply:os.system ['true']", "not valid YAML: could not determine a constructor"),
        ("1: 2", "key 1 is not text"),
        ("", "the file holds no mapping"),
        ("- a\n- b", "the file holds no mapping"),
        ("just words", "the file holds no mapping"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused(recipe_file: Path, text: str, expected: str) -> None:
    error = refusal(recipe_file, text)
    assert expected in error.what
    assert str(error.where).startswith(str(recipe_file))


def test_bytes_that_are_no_text_are_refused(recipe_file: Path) -> None:
    recipe_file.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(RecipeError, match="not valid YAML"):
        load.recipe(str(recipe_file))


@given(st.text(max_size=80))
def test_no_text_makes_the_loader_fail_in_another_way(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(RecipeError):
        load.recipe(str(path))


def test_a_missing_file_names_what_is_shipped() -> None:
    with pytest.raises(RecipeError, match=r"no file and no shipped recipes entry .nowhere\.yaml.") as caught:
        load.recipe("nowhere.yaml")
    assert "a path to a .yaml file" in str(caught.value.allowed)


def test_an_override_reaches_any_depth(recipe_file: Path) -> None:
    changes = ("learn.steps=7", "model.encoders.image.widths=[8]", "prune.round_widths=false", "distill=null")
    recipe = load.recipe(str(recipe_file), changes)
    assert recipe.learn.steps == 7
    assert recipe.model.encoders["image"].widths == (8,)
    assert recipe.prune.round_widths is False
    assert recipe.distill is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("learn.steps", "--set found 'learn.steps'"),
        ("=3", "--set found '=3'"),
        ("name.first=3", "--set name.first: 'name' holds a value, not keys"),
        ("learn.steps=[", "--set learn.steps: '[' is not valid YAML"),
        ("learn.stepz=3", "learn.stepz: unknown key; did you mean 'steps'?"),
        ("learn.steps=-3", "learn.steps: Input should be greater than 0 (found -3)"),
    ],
)
def test_a_bad_override_is_refused(recipe_file: Path, recipe_text: str, override: str, expected: str) -> None:
    assert expected in refusal(recipe_file, recipe_text, (override,)).what


PROFILE = """\
name: bench
title: A bench
runtimes: [{name: onnxruntime, schemes: [fp32]}]
"""


def profile_refusal(path: Path, text: str) -> RecipeError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load.hardware(str(path))
    return caught.value


def test_a_valid_profile_loads_with_unknown_facts(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    profile = load.hardware(str(path))
    assert profile.chipset.value is None
    assert profile.transport.kind == "local"


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("memory_gb: {value: 8}", "memory_gb: a fact needs its source"),
        ("budgets: {p90: 5}", "budgets.p90: unknown key; did you mean 'p90_ms'?"),
        ("transport: {kind: locla}", "transport.kind: found 'locla'; did you mean 'local'?"),
        ("chipset: {valeu: x}", "chipset.valeu: unknown key; did you mean 'value'?"),
        ("conditions: set", "conditions: set needs something to set: power_mode, governor, clocks or fan"),
        ("affinity: [1]\nthreads: 2", "2 threads do not fit on the 1 cores of affinity"),
        ("affinity: [1, 1]", "each core may stand once in affinity; found 1, 1"),
        ("fan: 256", "fan: Input should be less than or equal to 255 (found 256)"),
        ("clocks: high", "clocks: Input should be 'max' (found 'high')"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, added: str, expected: str) -> None:
    assert expected in profile_refusal(tmp_path / "bench.yaml", f"{PROFILE}{added}\n").what


DIGEST = "ab" * 32
PHONE = f"""\
name: phone
title: A phone
runtimes:
  - name: tflite
    schemes: [fp32, dynamic_int8]
    runner: {{path: tools/benchmark_model, sha256: {DIGEST}}}
transport: {{kind: adb, address: R58N12ABCDE}}
"""


def test_a_runner_lies_beside_its_profile_and_its_place_is_its_owner_s_business(tmp_path: Path) -> None:
    (tmp_path / "phone.yaml").write_text(PHONE, encoding="utf-8")
    found = load.hardware(str(tmp_path / "phone.yaml"))
    assert found.runner is not None
    assert found.runner.path == str(tmp_path / "tools" / "benchmark_model")
    shared = found.shareable.runner
    assert shared is not None
    assert (shared.path, shared.sha256, shared.xnnpack) == ("benchmark_model", DIGEST, None)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (f", sha256: {DIGEST}", "", "runtimes.0.runner.sha256: required, but not given"),
        (DIGEST, DIGEST[:-1], "runtimes.0.runner.sha256: no sha256: 64 digits"),
        ("path: tools/benchmark_model", 'path: ""', "runtimes.0.runner.path: no path to a file"),
        ("name: tflite", "name: onnxruntime", "runner goes with name: tflite; found onnxruntime"),
        ("dynamic_int8", "mixed_int8", "mixed_int8 is found by profiling layers with Python on the device"),
        ("ABCDE}", "ABCDE, python: /data/py}", "transport.python and a runner contradict each other"),
        ("transport:", "governor: performance\nconditions: set\ntransport:", "conditions: set needs Python"),
        ("transport:", "  - {name: onnxruntime, schemes: [fp32]}\ntransport:", "which onnxruntime would need"),
    ],
)
def test_a_runner_that_contradicts_its_profile_is_refused(
    tmp_path: Path, right: str, wrong: str, expected: str
) -> None:
    assert right in PHONE
    assert expected in profile_refusal(tmp_path / "phone.yaml", PHONE.replace(right, wrong)).what


ENGINES = """\
name: board
title: A board
runtimes:
  - name: tensorrt
    schemes: [fp16, implicit_int8]
    engine: {workspace_mb: 512, oldest: "10.3"}
"""


def test_a_profile_says_how_its_device_builds_engines(tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text(ENGINES, encoding="utf-8")
    settings = load.hardware(str(tmp_path / "board.yaml")).opening("tensorrt").engine
    assert settings is not None
    assert settings.workspace_mb == 512


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("name: tensorrt", "name: tflite", "engine goes with name: tensorrt; found tflite"),
        ("workspace_mb", "workspace", "runtimes.0.engine.workspace: unknown key; did you mean 'workspace_mb'?"),
        ('"10.3"', '"11"', "implicit_int8 needs the calibrator of TensorRT 10, and engine.oldest is 11"),
        ("workspace_mb: 512", "dla_core: 0, before: '10'", "no TensorRT is at least 10.3 and before 10"),
    ],
)
def test_engine_settings_that_cannot_be_are_refused(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    assert expected in profile_refusal(tmp_path / "board.yaml", ENGINES.replace(right, wrong)).what


def test_a_wrong_key_inside_a_list_is_told_by_its_place(tmp_path: Path) -> None:
    error = profile_refusal(tmp_path / "bench.yaml", PROFILE.replace("schemes", "scheme"))
    assert "runtimes.0.scheme: unknown key; did you mean 'schemes'?" in error.what
    assert "at least 1 item" not in error.what  # what pydantic says of the list itself is only a consequence


def test_an_unknown_runtime_is_refused(tmp_path: Path) -> None:
    error = profile_refusal(tmp_path / "bench.yaml", PROFILE.replace("onnxruntime", "onnxruntim"))
    assert "runtimes.0.name: found 'onnxruntim'; did you mean 'onnxruntime'?" in error.what


def test_a_runtime_may_stand_once(tmp_path: Path) -> None:
    row = "{name: onnxruntime, schemes: [fp32]}"
    error = profile_refusal(tmp_path / "bench.yaml", PROFILE.replace(row, f"{row}, {row}"))
    assert "each runtime may stand once; found onnxruntime, onnxruntime" in error.what
