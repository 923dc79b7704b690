"""Texts of our own making, after what NVIDIA's pages and users' logs show of the inspector's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.engine_layers import precision_verdict, read_layers
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.verdict import Status

INT8_CONVOLUTION = {
    "Name": "image.0 + image.1/Relu",
    "LayerType": "CaskConvolution",
    "Inputs": [{"Name": "x", "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format."}],
    "Outputs": [{"Name": "y", "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format."}],
    "Weights": {"Type": "Int8", "Count": 131072},
    "Bias": {"Type": "Float", "Count": 256},
    "TacticName": "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs_tensor16x8x32_epifadd",
}
HALF_PRODUCT = {
    "Name": "/head_myl0_2",
    "LayerType": "gemm",
    "Inputs": [{"Format/Datatype": "Half"}, {"Format/Datatype": "Half"}],
    "Outputs": [{"Format/Datatype": "Float"}],
    "TacticName": "sm80_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize64x64x64",
    "Metadata": "[ONNX Layer: head]\u001e[ONNX Layer: cast]",
}
SILENT = {  # int8 was asked for, and the kernel computes in tf32
    "Name": "image.0",
    "LayerType": "CaskGemmConvolution",
    "Inputs": [{"Format/Datatype": "Row major linear FP32"}],
    "TacticName": "sm80_xmma_gemm_f32f32_tf32f32_f32_nn_n_tilesize64x64x32",
}
FUSED = {"Name": "{ForeignNode[image.0...head]}", "LayerType": "Myelin", "TacticName": ""}


def engine(*layers: object) -> str:
    return json.dumps({"Layers": layers, "Bindings": ["image", "logits"]})


def test_layers_are_read_with_their_nodes_and_precision() -> None:
    convolution, product = read_layers(engine(INT8_CONVOLUTION, HALF_PRODUCT))
    assert (convolution.precision, convolution.nodes) == ("int8", ("image.0", "image.1/Relu"))
    assert product.precision == "fp16"
    assert set(product.nodes) >= {"head", "cast"}


@pytest.mark.parametrize(
    ("tactic", "precision"),
    [
        ("ampere_h16816gemm_128x64_ldg8_stages_64x4_tn_v1", "fp16"),
        ("turing_fp16_s1688cudnn_fp16_128x64_ldg8_relu_f2f_exp_small_nhwc_tn_v1", "fp16"),
        ("trt_ampere_int8x4_icudnn_int8x4_128x64_relu_medium_nn_v0", "int8"),
        ("ampere_scudnn_128x64_relu_medium_nn_v1", "fp32"),
        ("sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8", "fp32"),
        ("sm80_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize64x64x64", "bf16"),
        ("sm89_xmma_gemm_e4m3e4m3_e4m3f32_f32_tn_n_tilesize64x64x64", "fp8"),
        ("sm80_xmma_gemm_f32f32_tf32f32_f32_nn_n_tilesize64x64x32", "tf32"),
    ],
)
def test_a_kernels_name_tells_its_arithmetic(tactic: str, precision: str) -> None:
    (layer,) = read_layers(engine({"Name": "node", "TacticName": tactic}))
    assert layer.precision == precision


def test_without_a_telling_kernel_the_weights_or_else_the_widest_input_tell() -> None:
    inputs = [{"Format/Datatype": "Int8"}, {"Format/Datatype": "Float"}]
    weighted, plain, silent = read_layers(
        engine(
            {"Name": "a", "Weights": {"Type": "Half"}, "Inputs": inputs}, {"Name": "b", "Inputs": inputs}, {"Name": "c"}
        )
    )
    assert (weighted.precision, plain.precision, silent.precision) == ("fp16", "fp32", None)


def test_tensorrt_11_tells_types_apart_from_formats() -> None:
    tensor = {"Name": "x", "Format": "Row major linear FP16 format", "DataType": "Float"}
    (layer,) = read_layers(json.dumps({"Layers": [{"Name": "a", "Inputs": [tensor]}], "I/O Tensors": []}))
    assert layer.precision == "fp32"


def test_as_asked_passes() -> None:
    layers = read_layers(engine(INT8_CONVOLUTION, HALF_PRODUCT))
    verdict = precision_verdict({"image.0": "int8", "head": "fp16"}, layers, "small")
    assert (verdict.status, verdict.value) == (Status.PASS, 0)


@pytest.mark.parametrize("asked", ["int8", "fp16"])
def test_silent_fp32_fails(asked: str) -> None:
    verdict = precision_verdict({"image.0": asked, "head": "fp16"}, read_layers(engine(SILENT, HALF_PRODUCT)), "small")
    assert (verdict.status, verdict.value) == (Status.FAIL, 1)
    assert f"image.0 asks for {asked} and runs in tf32" in verdict.reason


def test_int8_that_became_fp16_fails() -> None:
    verdict = precision_verdict({"head": "int8"}, read_layers(engine(HALF_PRODUCT)), "small")
    assert verdict.status is Status.FAIL


def test_narrower_than_asked_passes_and_fp32_may_be_tf32() -> None:
    layers = read_layers(engine(SILENT, HALF_PRODUCT))
    assert precision_verdict({"image.0": "fp32", "head": "fp32"}, layers, "small").status is Status.PASS


@pytest.mark.parametrize("layers", [(FUSED,), (HALF_PRODUCT,), ({"Name": "image.0"},)])
def test_what_the_engine_does_not_tell_is_inconclusive(layers: tuple[object, ...]) -> None:
    verdict = precision_verdict({"image.0": "int8"}, read_layers(engine(*layers)), "small")
    assert verdict.status is Status.INCONCLUSIVE
    assert "image.0" in verdict.reason


def test_nothing_asked_is_never_a_pass() -> None:
    assert precision_verdict({}, read_layers(engine(HALF_PRODUCT)), "small").status is Status.INCONCLUSIVE


def test_names_alone_tell_nothing_and_the_way_out_is_named() -> None:
    with pytest.raises(RefusedInput, match="only the names") as refused:
        read_layers(engine("image.0 + image.1", "head"))
    assert "--profilingVerbosity=detailed" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"Layers": 3}', '{"Layers": []}', '{"Layers": [{"Name": 3}]}', "[" * 99999]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(RefusedInput, match="not an engine's layers"):
        read_layers(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Name", "Inputs", "Weights", "TacticName", "Format/Datatype", "Type"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=3))
def test_strange_layers_are_read_or_refused(layers: list[object]) -> None:
    try:
        found = read_layers(engine(*layers))
    except RefusedInput:
        return
    assert len(found) == len(layers)
