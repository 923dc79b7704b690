"""How ONNX Runtime opens a model: execution providers in order, their options, threads and memory."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from l0gm_edge.core.opening import Opening, Settings
from l0gm_edge.core.value import Value

MOST_CANDIDATES = 15


class Provider(StrEnum):
    """ONNX Runtime's execution providers, as its documentation calls them, in small letters."""

    CPU = "cpu"
    XNNPACK = "xnnpack"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
    QNN = "qnn"
    COREML = "coreml"
    NNAPI = "nnapi"
    OPENVINO = "openvino"

    @property
    def full_name(self) -> str:
        """The name that ONNX Runtime's interface takes."""
        return f"{_SPELLED.get(self, self.upper())}ExecutionProvider"


_SPELLED = {
    Provider.XNNPACK: "Xnnpack",
    Provider.TENSORRT: "Tensorrt",
    Provider.COREML: "CoreML",
    Provider.NNAPI: "Nnapi",
    Provider.OPENVINO: "OpenVINO",
}


class XnnpackOptions(Value):
    """XNNPACK has threads of its own."""

    intra_op_num_threads: PositiveInt | None = None


class CudaOptions(Value):
    """Device, memory, and how cuDNN looks for its fastest convolution."""

    device_id: NonNegativeInt | None = None
    gpu_mem_limit: PositiveInt | None = None
    arena_extend_strategy: Literal["kNextPowerOfTwo", "kSameAsRequested"] | None = None
    cudnn_conv_algo_search: Literal["EXHAUSTIVE", "HEURISTIC", "DEFAULT"] | None = None
    use_tf32: bool | None = None
    enable_cuda_graph: bool | None = None


class TensorrtOptions(Value):
    """Precision, what the builder may spend, DLA, and whether engines are kept."""

    device_id: NonNegativeInt | None = None
    trt_max_workspace_size: PositiveInt | None = None
    trt_fp16_enable: bool | None = None
    trt_int8_enable: bool | None = None
    trt_builder_optimization_level: Annotated[int, Field(ge=0, le=5)] | None = None
    trt_min_subgraph_size: PositiveInt | None = None
    trt_dla_enable: bool | None = None
    trt_dla_core: NonNegativeInt | None = None
    trt_engine_cache_enable: bool | None = None
    trt_engine_cache_path: str | None = None
    trt_timing_cache_enable: bool | None = None


class QnnOptions(Value):
    """Which of the chip's units, given by kind or by library, and how eagerly it is driven."""

    backend_type: Literal["cpu", "gpu", "htp"] | None = None
    backend_path: str | None = None
    htp_performance_mode: (
        Literal[
            "default",
            "burst",
            "balanced",
            "high_performance",
            "sustained_high_performance",
            "high_power_saver",
            "low_balanced",
            "low_power_saver",
            "power_saver",
            "extreme_power_saver",
        ]
        | None
    ) = None
    htp_graph_finalization_optimization_mode: Annotated[int, Field(ge=0, le=3)] | None = None
    enable_htp_fp16_precision: bool | None = None
    soc_model: NonNegativeInt | None = None
    htp_arch: NonNegativeInt | None = None
    vtcm_mb: PositiveInt | None = None

    @model_validator(mode="after")
    def _one_backend(self) -> Self:
        if self.backend_type and self.backend_path:
            raise ValueError("give backend_type or backend_path, not both")
        return self


class CoremlOptions(Value):
    """Model format and compute units."""

    ModelFormat: Literal["NeuralNetwork", "MLProgram"] | None = None
    MLComputeUnits: Literal["ALL", "CPUOnly", "CPUAndGPU", "CPUAndNeuralEngine"] | None = None
    RequireStaticInputShapes: bool | None = None
    EnableOnSubgraphs: bool | None = None
    SpecializationStrategy: Literal["Default", "FastPrediction"] | None = None
    AllowLowPrecisionAccumulationOnGPU: bool | None = None


class OpenvinoOptions(Value):
    """Device, such as CPU, GPU or NPU, threads, and where compiled models are kept."""

    device_type: str | None = None
    num_of_threads: PositiveInt | None = None
    cache_dir: str | None = None


class ProviderOptions(Value):
    """Options of providers, by the provider's name; those that are null are left to the provider."""

    xnnpack: XnnpackOptions | None = None
    cuda: CudaOptions | None = None
    tensorrt: TensorrtOptions | None = None
    qnn: QnnOptions | None = None
    coreml: CoremlOptions | None = None
    openvino: OpenvinoOptions | None = None

    def of(self, provider: Provider) -> dict[str, str]:
        """One provider's options as ONNX Runtime takes them: all text, truth as 1 and 0."""
        given = getattr(self, provider, None)
        told = given.model_dump(exclude_none=True) if given else {}
        return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in told.items()}


class Session(Settings):
    """What a profile says of ONNX Runtime's sessions.

    What the providers before it cannot run goes to the CPU where `cpu` is listed, last, and may take `max_cpu_share` of
    the operators' time; without it, a model that needs the CPU is refused. `race` are settings to be timed against
    these for the file that ships; what one leaves out is as here.
    """

    providers: Annotated[tuple[Provider, ...], Field(min_length=1)] = (Provider.CPU,)
    provider_options: ProviderOptions = ProviderOptions()
    max_cpu_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    race: Annotated[tuple[Settings, ...], Field(max_length=MOST_CANDIDATES)] = ()

    @model_validator(mode="after")
    def _providers_make_sense(self) -> Self:
        if len(set(self.providers)) != len(self.providers):
            raise ValueError(f"each provider may stand once; found {', '.join(self.providers)}")
        if Provider.CPU in self.providers[:-1]:
            raise ValueError("cpu runs everything, so it can only stand last")
        given = [name for name in ProviderOptions.model_fields if getattr(self.provider_options, name) is not None]
        if unused := sorted(set(given) - set(self.providers)):
            raise ValueError(f"provider_options are given for {', '.join(unused)}, which providers does not list")
        return self

    @model_validator(mode="after")
    def _candidates_differ(self) -> Self:
        openings = [self.opening(), *map(self.opening, self.race)]
        if len({one.settings for one in openings}) != len(openings):
            raise ValueError("each of race must differ from the session's own settings, and from the others")
        return self

    @property
    def accelerated(self) -> bool:
        """Whether another provider than the CPU is asked for."""
        return self.providers != (Provider.CPU,)

    def opening(self, settings: Settings | None = None) -> Opening:
        """How a model is opened, with some settings in the place of the session's."""
        return Opening(
            providers={one.full_name: self.provider_options.of(one) for one in self.providers},
            settings=(settings or Settings()).over(self),
        )
