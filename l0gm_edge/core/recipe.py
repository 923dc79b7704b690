"""The recipe: one whole run, as a person writes it in YAML."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from l0gm_edge.core.value import Value

Fraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]
PlugIn = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class SiteKind(StrEnum):
    """What the units of a site are; minimum widths and channel multiples are set per kind."""

    INTERFACE = "interface"
    WIDTH = "width"
    HIDDEN = "hidden"
    CHANNELS = "channels"
    HEADS = "heads"
    EXPERTS = "experts"
    BLOCKS = "blocks"


class Data(Value):
    """Which data set the run learns from and is checked on."""

    name: PlugIn


class Encoder(Value):
    """One modality's encoder: its plug-in, hidden widths, and the width of its classifier-facing interface."""

    encoder: PlugIn
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    out: PositiveInt
    dropout: Share = 0.0


class Model(Value):
    """A late-fusion network: one encoder a modality, a shared latent, a mixture of experts, a head."""

    encoders: Annotated[dict[str, Encoder], Field(min_length=1)]
    latent: PositiveInt
    dropout: Share = 0.0


class MoE(Value):
    """The mixture-of-experts block on the shared latent."""

    experts: PositiveInt = 8
    top_k: PositiveInt = 2
    hidden: PositiveInt = 64
    balance_weight: Weight = 0.01

    @model_validator(mode="after")
    def _top_k_within_experts(self) -> Self:
        if self.top_k > self.experts:
            raise ValueError(f"top_k ({self.top_k}) cannot exceed experts ({self.experts})")
        return self


class Target(Value):
    """What the cut model must come down to; exactly one of the fields is given."""

    active_fraction: Fraction | None = None
    parameters: PositiveInt | None = None
    parameter_fraction: Fraction | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            allowed = ", ".join(type(self).model_fields)
            raise ValueError(f"give exactly one of {allowed}; found {', '.join(given) or 'none'}")
        return self


class Gates(Value):
    """L0 gates: the method, the target, the kinds of site gated, and the gate optimiser."""

    method: PlugIn = "hard_concrete"
    target: Target
    sites: Annotated[tuple[SiteKind, ...], Field(min_length=1)] = tuple(SiteKind)
    lr: PositiveFloat = 0.1
    ramp: Fraction = 0.5
    min_units: PositiveInt = 2


class Learn(Value):
    """Training: `steps` in all for the dense reference, and the same for the compressed model.

    The compressed model's steps are split: `warm_up` without gates, then gates, then `recovery` after the cut.
    """

    steps: PositiveInt
    batch_size: PositiveInt = 128
    lr: PositiveFloat = 2e-3
    weight_decay: Weight = 1e-2
    label_smoothing: Share = 0.0
    augment: bool = False
    warm_up: Share = 0.2
    recovery: Share = 0.4
    checkpoint_every: PositiveInt = 200

    @model_validator(mode="after")
    def _phases_leave_room_for_gates(self) -> Self:
        if self.warm_up + self.recovery >= 1:
            raise ValueError(f"warm_up ({self.warm_up}) + recovery ({self.recovery}) must leave steps for the gates")
        return self


class Distill(Value):
    """Distillation of the compressed model from the dense one: weight of the soft loss, and its temperature."""

    weight: Share = 0.5
    temperature: PositiveFloat = 2.0


class Prune(Value):
    """The physical cut: whether widths are rounded to the hardware's channel multiples."""

    round_widths: bool = True


class RangeMethod(StrEnum):
    """How an activation's range is estimated from the calibration set."""

    MIN_MAX = "min_max"
    PERCENTILE = "percentile"


class Quantize(Value):
    """The calibration set's size, and how ranges are estimated from it."""

    calibration_size: PositiveInt = 256
    ranges: RangeMethod = RangeMethod.PERCENTILE
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.99


class Measure(Value):
    """How latency is sampled: interleaved blocks of runs, over several fresh processes."""

    processes: PositiveInt = 3
    blocks: PositiveInt = 20
    runs_per_block: PositiveInt = 10


class Checks(Value):
    """Limits of this run, beside those of the hardware profile; where both speak, the tighter one holds."""

    max_parameter_fraction: Fraction | None = None
    max_accuracy_drop_points: Weight = 1.0
    max_ece_increase: Weight = 0.01
    max_p50_ratio: PositiveFloat | None = None
    max_file_ratio: PositiveFloat | None = None


class Recipe(Value):
    """The whole run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: Data
    model: Model
    moe: MoE = MoE()
    gates: Gates
    learn: Learn
    distill: Distill | None = None
    prune: Prune = Prune()
    quantize: Quantize = Quantize()
    measure: Measure = Measure()
    checks: Checks = Checks()
