"""The recipe: one whole run, as a person writes it in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from l0gm_edge.core.contrast import Contrastive
from l0gm_edge.core.distillation import Distill, LargerTeacher
from l0gm_edge.core.entry import Entry
from l0gm_edge.core.experts import Experts
from l0gm_edge.core.network import Model, MoE, Weight
from l0gm_edge.core.phases import EVERYTHING, Parts, Phase
from l0gm_edge.core.value import PlugIn, Share, Value

Fraction = Annotated[float, Field(gt=0, le=1)]


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
    """Which of our data sets the run learns from and is checked on."""

    name: PlugIn


class OwnData(Entry):
    """A data set of the person's own: the function returns a `Dataset`."""


class OwnModel(Entry):
    """A network of the person's own: the function returns an `nn.Module`.

    It is called with one keyword argument a modality, and gives logits (n, classes), or something that holds `logits`.
    """


class Target(Value):
    """What the cut model must come down to; exactly one of the fields is given.

    A `_fraction` is one of the dense model's; of latency, of what it spends above the runtime's own fixed cost.
    Milliseconds are those of one inference on the hardware profile's runtime.
    """

    units: PositiveInt | None = None
    active_fraction: Fraction | None = None
    parameters: PositiveInt | None = None
    parameter_fraction: Fraction | None = None
    macs: PositiveInt | None = None
    mac_fraction: Fraction | None = None
    p50_ms: PositiveFloat | None = None
    p90_ms: PositiveFloat | None = None
    latency_fraction: Fraction | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            allowed = ", ".join(type(self).model_fields)
            raise ValueError(f"give exactly one of {allowed}; found {', '.join(given) or 'none'}")
        return self

    @property
    def asks_for_latency(self) -> bool:
        """Whether it takes a device, or a table of one, to say what meets it."""
        return any(value is not None for value in (self.p50_ms, self.p90_ms, self.latency_fraction))


class Schedule(StrEnum):
    """How the target is approached over the ramp: in a straight line or half a cosine; or not at all, under a fixed
    penalty for every open unit, and met only by the final choice."""

    LINEAR = "linear"
    COSINE = "cosine"
    FIXED = "fixed"


class Gates(Value):
    """L0 gates: the method, the target, the kinds of site gated, and how they learn.

    `lr` (the gates' own learning rate) and `ramp` are by default the method's. Every site keeps at least `min_units`
    (of whole experts `min_experts`), and, where the target leaves room, `floor` times the width it would have if all
    sites shrank alike. Methods that close units for good cut the model while it learns, `cuts` times, down to `slack`
    times the cost asked for at that moment.
    """

    method: PlugIn = "progressive"
    target: Target
    sites: Annotated[tuple[SiteKind, ...], Field(min_length=1)] = tuple(SiteKind)
    lr: PositiveFloat | None = None
    ramp: Fraction | None = None
    schedule: Schedule = Schedule.LINEAR
    penalty: PositiveFloat | None = None
    min_units: PositiveInt = 2
    min_experts: PositiveInt = 1
    floor: Share = 0.5
    cuts: Annotated[int, Field(ge=0)] = 5
    slack: Annotated[float, Field(ge=1)] = 1.4

    @model_validator(mode="after")
    def _penalty_goes_with_the_fixed_schedule(self) -> Self:
        if (self.penalty is not None) != (self.schedule is Schedule.FIXED):
            raise ValueError(f"penalty goes with schedule: {Schedule.FIXED}, and only with it")
        return self


class Learn(Value):
    """Training: `steps` in all for the dense reference, and the same for the compressed model, by an `objective`: a
    file of `l0gm_edge/learn/objectives`. Only the parts `trains` learn. Phases `before`, each with its own steps, make
    the weights that both begin with. `contrastive` is of the objective of that name.

    The compressed model's steps are split: `warm_up` without gates, then gates, then `recovery` after the cut. Each
    training row misses each modality with probability `drop_modalities`, and never all; `augment` leaves out a share
    `drop_words` of the words. `align_weight` is that of the objective `aligned`. With `fold_temperature`, the last
    layer is at last divided by the temperature fitted on validation. Over the last `quantization_aware` share of the
    recovery, weights and inputs of layers are rounded as int8 would.
    """

    steps: PositiveInt
    objective: PlugIn = "classification"
    contrastive: Contrastive | None = None
    trains: Parts = EVERYTHING
    before: tuple[Phase, ...] = ()
    batch_size: PositiveInt = 128
    lr: PositiveFloat = 2e-3
    weight_decay: Weight = 1e-2
    label_smoothing: Share = 0.0
    augment: bool = False
    drop_words: Share = 0.15
    drop_modalities: Share = 0.0
    align_weight: Weight = 0.5
    warm_up: Share = 0.2
    recovery: Share = 0.4
    fold_temperature: bool = False
    quantization_aware: Share = 0.0
    checkpoint_every: PositiveInt = 200

    @model_validator(mode="after")
    def _settings_are_of_the_objective(self) -> Self:
        if self.contrastive is not None and self.objective != "contrastive":
            raise ValueError("contrastive goes with objective: contrastive")
        return self

    @model_validator(mode="after")
    def _phases_leave_room_for_gates(self) -> Self:
        if self.warm_up + self.recovery >= 1:
            raise ValueError(f"warm_up ({self.warm_up}) + recovery ({self.recovery}) must leave steps for the gates")
        return self


class Prune(Value):
    """The physical cut: whether widths are rounded to the hardware's channel multiples, and which experts stay where
    gates alone do not say it."""

    round_widths: bool = True
    experts: Experts | None = None


class Quantize(Value):
    """The calibration set's size, and how the ranges of activations are found on it: a file of `l0gm_edge/ranges`.

    `percentile` and `averaging` (what each further run counts for in a moving average) go with those of that name.
    Where layers are quantized by how sensitive they are, that is measured on `subset_size` rows of the set, and outputs
    stay `min_sqnr_db` above the noise. Where that helps, `equalize` evens out layers that follow each other, and
    `correct_bias` takes off biases what int8 adds to them on average.
    """

    calibration_size: PositiveInt = 256
    ranges: PlugIn = "percentile"
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.99
    averaging: Fraction = 0.01
    subset_size: PositiveInt = 64
    min_sqnr_db: PositiveFloat = 30.0
    equalize: bool = False
    correct_bias: bool = False


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
    max_missing_drop_points: Weight | None = None


def _whose(value: object) -> str:
    by_entry = isinstance(value, Entry) or (isinstance(value, Mapping) and "entry" in value)
    return "own" if by_entry else "ours"


def _experts(data: dict[str, Any]) -> MoE | None:
    return None if isinstance(data.get("model"), OwnModel) else MoE()


class Recipe(Value):
    """The whole run. `data` and `model` are ours, or functions of the person's own code (`entry`)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: Annotated[Annotated[Data, Tag("ours")] | Annotated[OwnData, Tag("own")], Discriminator(_whose)]
    model: Annotated[Annotated[Model, Tag("ours")] | Annotated[OwnModel, Tag("own")], Discriminator(_whose)]
    moe: MoE | None = Field(default_factory=_experts)
    gates: Gates
    learn: Learn
    distill: Distill | None = None
    prune: Prune = Prune()
    quantize: Quantize = Quantize()
    measure: Measure = Measure()
    checks: Checks = Checks()

    @field_validator("moe")
    @classmethod
    def _experts_are_of_our_model(cls, moe: MoE | None, info: ValidationInfo) -> MoE | None:
        own = isinstance(info.data.get("model"), OwnModel)
        if own and moe is not None:
            raise ValueError("goes with model.encoders; a model by entry brings its own layers: leave the key out")
        if not own and moe is None:
            raise ValueError("model.encoders needs its experts: leave the key out for the defaults")
        return moe

    @model_validator(mode="after")
    def _a_larger_teacher_is_one_of_ours(self) -> Self:
        larger = self.distill is not None and isinstance(self.distill.teacher, LargerTeacher)
        if larger and isinstance(self.model, OwnModel):
            raise ValueError("distill.teacher.scale goes with model.encoders or model.tokens: give an entry instead")
        return self

    @model_validator(mode="after")
    def _parts_are_of_our_model(self) -> Self:
        if isinstance(self.model, OwnModel) and (self.learn.before or set(self.learn.trains) != set(EVERYTHING)):
            raise ValueError("learn.before and learn.trains go with a model of ours, whose parts are known")
        return self

    @model_validator(mode="after")
    def _experts_can_be_cut_so(self) -> Self:
        if self.prune.experts is None:
            return self
        if self.gates.target.asks_for_latency:
            raise ValueError(
                "prune.experts goes with a target in units, parameters or MACs: latency is timed before it"
            )
        if self.moe is not None:
            self.prune.experts.require_within(self.moe.experts, self.moe.top_k)
        return self
