"""The report: everything a run found, in one document. This is the schema of `report.json`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.finish import Finish
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.plan import ExpertCut, SiteCut, Sized
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.subsets import Subsets
from l0gm_edge.core.truth import Chain
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import MEASURED, Status, Verdict

SCHEMA_VERSION = 1


class Bin(Value):
    """One bin of a reliability diagram: mean confidence and accuracy of the samples in it."""

    confidence: float
    accuracy: float
    count: int


class ModelScores(Value):
    """A torch model's figures on the test split; those named `_scaled` are after its temperature.

    Accuracy and ECE are in 0..1, Brier in 0..2, NLL in nats; AUROC is for two classes only.
    """

    accuracy: float
    ece: float
    ece_scaled: float
    nll: float
    nll_scaled: float | None = None
    brier: float
    brier_scaled: float | None = None
    auroc: float | None = None
    balanced_accuracy: float | None = None
    temperature: float
    parameters: int
    macs: int


class CompressedScores(ModelScores):
    """The compressed model's figures, and what its gates were asked for and gave."""

    active_fraction_requested: float | None
    active_fraction_realised: float
    exactness: float


class ArtifactRow(Value):
    """One artifact's figures, from the outputs and samples its device returned; null where not measured."""

    name: str
    role: Role
    runtime: str
    scheme: str
    sha256: str
    bytes: int
    accuracy: float
    ece: float
    ece_scaled: float
    nll: float
    nll_scaled: float | None = None
    brier: float
    brier_scaled: float | None = None
    auroc: float | None = None
    balanced_accuracy: float | None = None
    temperature: float
    p50_ms: float | None
    p90_ms: float | None
    p50_ratio_to_dense: float | None
    p50_ratio_to_fp32: float | None
    bytes_ratio_to_dense: float | None
    load_ms: float | None
    peak_memory_bytes: int | None
    energy_mj: float | None = None
    chosen: bool
    why: str
    notes: tuple[str, ...] = ()
    reliability: tuple[Bin, ...]
    reliability_scaled: tuple[Bin, ...]
    layers: tuple[LayerTime, ...]


class Floor(Value):
    """The fixed part of a runtime: size and latency of an almost empty graph with the same inputs and outputs."""

    runtime: str
    bytes: int
    p50_ms: float | None


class LayerRouting(Value):
    """One layer's share of each expert in its output (rows: modalities, then all together), summing to 1 a row.

    `by_tokens`: a modality's row is the mean over its tokens, all modalities being there; else the modality was shown
    alone. `specialization` is in 0..1, null where the layer serves one modality; see `core.specialization`.
    `kept_pairs` is the share of pairs of a token and an expert that reach the layer's threshold, null without one.
    """

    module: str
    by_tokens: bool
    rows: tuple[str, ...]
    experts: tuple[str, ...]
    share: tuple[tuple[float, ...], ...]
    specialization: float | None
    kept_pairs: float | None = None


class Routing(Value):
    """How every layer of experts is spent; none where the model has no experts."""

    layers: tuple[LayerRouting, ...] = ()


class Taught(Value):
    """The larger network that the compressed model also learned from: how many times as wide, and its figures."""

    scale: float
    parameters: int
    accuracy: float


class Report(Value):
    """A run's outcome. `passed` follows from the verdicts; see `check.outcome`. `latency` is how the model was sized,
    where the target is in milliseconds; `left_out` tells which schemes have no artifact, and why; `ways` follow a few
    rows from torch to the device."""

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    passed: bool
    recipe: Recipe
    hardware: HardwareProfile
    verdicts: tuple[Verdict, ...]
    dense: ModelScores
    compressed: CompressedScores
    artifacts: tuple[ArtifactRow, ...]
    floors: tuple[Floor, ...]
    sites: tuple[SiteCut, ...]
    experts: tuple[ExpertCut, ...] = ()
    latency: tuple[Sized, ...] = ()
    left_out: tuple[str, ...] = ()
    finishes: tuple[Finish, ...] = ()
    ways: tuple[Chain, ...] = ()
    routing: Routing
    subsets: Subsets = Subsets()
    teacher: Taught | None = None
    environment: dict[str, str]
    seconds: dict[str, float]

    @property
    def unmeasured(self) -> tuple[Verdict, ...]:
        """The verdicts on artifacts that the device could not run, each with its reason."""
        return tuple(one for one in self.verdicts if one.check == MEASURED and one.status is not Status.PASS)
