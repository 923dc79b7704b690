"""How a profile says that ONNX Runtime opens a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.opening import Opening, Settings
from l0gm_edge.core.session import Provider, ProviderOptions, Session

maybe = st.none() | st.booleans()
settings = st.builds(
    Settings, threads=st.none() | st.integers(1, 64), spinning=maybe, arena=maybe, memory_pattern=maybe
)


@given(settings, settings)
def test_what_is_said_wins_and_what_is_not_comes_from_below(above: Settings, below: Settings) -> None:
    for name in Settings.model_fields:
        ours, theirs = getattr(above, name), getattr(below, name)
        assert getattr(above.over(below), name) == (theirs if ours is None else ours)


@given(st.lists(st.sampled_from([one for one in Provider if one is not Provider.CPU]), unique=True), st.booleans())
def test_a_model_is_opened_with_the_providers_in_their_order(others: list[Provider], cpu: bool) -> None:
    providers = (*others, Provider.CPU) if cpu or not others else tuple(others)
    session = Session(providers=providers)
    assert list(session.opening().providers) == [one.full_name for one in providers]
    assert session.accelerated == bool(others)


def test_the_names_are_those_that_onnxruntime_knows() -> None:
    import onnxruntime

    assert {one.full_name for one in Provider} <= set(onnxruntime.get_all_providers())


def test_options_become_text_and_go_to_their_provider_alone() -> None:
    given = {
        "cuda": {"gpu_mem_limit": 1000, "use_tf32": False},
        "tensorrt": {"trt_fp16_enable": True},
    }
    session = Session(providers=("tensorrt", "cuda", "cpu"), provider_options=given)
    assert session.opening().providers == {
        "TensorrtExecutionProvider": {"trt_fp16_enable": "1"},
        "CUDAExecutionProvider": {"gpu_mem_limit": "1000", "use_tf32": "0"},
        "CPUExecutionProvider": {},
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"providers": ()}, "at least 1 item"),
        ({"providers": ("cpu", "xnnpack")}, "can only stand last"),
        ({"providers": ("qnn", "qnn")}, "each provider may stand once"),
        ({"providers": ("gpu",)}, "'xnnpack', 'cuda'"),
        ({"provider_options": {"qnn": {"vtcm_mb": 8}}}, "options are given for qnn, which providers does not list"),
        ({"providers": ("qnn",), "provider_options": {"qnn": {"turbo": True}}}, "turbo"),
        (
            {"providers": ("qnn",), "provider_options": {"qnn": {"backend_type": "htp", "backend_path": "x.so"}}},
            "not both",
        ),
        ({"threads": 0}, "greater than 0"),
        ({"race": ({},)}, "each of race must differ"),
        ({"threads": 2, "race": ({"threads": 2},)}, "each of race must differ"),
        ({"race": ({"arena": False}, {"arena": False})}, "each of race must differ"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Session.model_validate(given)


def test_only_onnxruntime_has_sessions() -> None:
    with pytest.raises(ValidationError, match="session goes with name: onnxruntime; found tflite"):
        Runtime(name="tflite", schemes=("fp32",), session=Session(threads=2))


def test_a_profile_tells_how_each_runtime_opens_a_model() -> None:
    runtimes = (
        Runtime(name="onnxruntime", schemes=("fp32",), session=Session(spinning=False)),
        Runtime(name="tflite", schemes=("fp32",)),
    )
    profile = HardwareProfile(name="bench", title="A bench", runtimes=runtimes)
    assert profile.opening("onnxruntime") == Opening(settings=Settings(spinning=False))
    assert profile.opening("tflite") == Opening()
    again = HardwareProfile.model_validate_json(profile.model_dump_json())
    assert again == profile


def test_settings_are_told_in_words() -> None:
    assert str(Settings(threads=2, spinning=False, arena=True)) == "threads 2, spinning off, arena on"
    assert str(Settings()) == "the runtime's own"
    assert ProviderOptions().of(Provider.CPU) == {}
