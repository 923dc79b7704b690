"""Networks of ours, as a recipe says them: what reads each modality, how they are fused, and their experts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from l0gm_edge.core.value import PlugIn, Share, Value

Weight = Annotated[float, Field(ge=0)]


class Attention(Value):
    """Width of the tokens that attend to each other, and among how many heads it is divided."""

    width: PositiveInt
    heads: PositiveInt

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width})")
        return self


class Encoder(Value):
    """One modality's encoder: its plug-in, hidden widths, and the width of its classifier-facing interface.

    Encoders with `attention`, and those that look up token ids below `vocabulary`, need these; others refuse them.
    """

    encoder: PlugIn
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    out: PositiveInt
    dropout: Share = 0.0
    attention: Attention | None = None
    vocabulary: PositiveInt | None = None


class Tokens(Value):
    """How one modality becomes tokens: `patch` entries a side of a map, or in a row of a vector or a sequence, together
    through one linear layer; or ids below `vocabulary`, looked up. Exactly one of the two is given.

    A map may go through convolutions of the widths `stem` first; the second and later ones halve it.
    """

    patch: PositiveInt | None = None
    vocabulary: PositiveInt | None = None
    stem: tuple[PositiveInt, ...] = ()

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.patch is None) == (self.vocabulary is None):
            raise ValueError("give exactly one of patch, vocabulary")
        if self.stem and self.patch is None:
            raise ValueError("stem goes with patch")
        return self


class Transformer(Value):
    """How many blocks of attention, each with so many heads; their feed-forward layers are the recipe's `moe`."""

    blocks: PositiveInt
    heads: PositiveInt


class Model(Value):
    """A network of ours, put together by `fusion`, a file of `l0gm_edge/models/fusion`.

    Some fusions read an encoder a modality, others turn each into `tokens` for a `transformer`; each refuses what it
    does not read. `latent` is the width of what the modalities share, and `asks` the modality whose tokens look at
    those of the others.
    """

    fusion: PlugIn = "late"
    encoders: dict[str, Encoder] = Field(default_factory=dict)
    tokens: dict[str, Tokens] = Field(default_factory=dict)
    transformer: Transformer | None = None
    asks: str | None = None
    latent: PositiveInt
    dropout: Share = 0.0

    @model_validator(mode="after")
    def _something_reads(self) -> Self:
        if not self.encoders and not self.tokens:
            raise ValueError("give encoders or tokens, one for each modality")
        if self.asks is not None and (self.asks not in self.tokens or len(self.tokens) < 2):
            raise ValueError(f"asks ({self.asks}) must be one of several modalities under tokens")
        return self


class Combine(StrEnum):
    """What the chosen experts' outputs are weighed by: softmax over the chosen logits, which sums to 1; or the router's
    plain softmax, by which even a single chosen expert's weight teaches the router."""

    CHOSEN = "chosen"
    PLAIN = "plain"


class Awareness(StrEnum):
    """Whether the tokens of all modalities share one router and its experts, or each modality has its own."""

    AGNOSTIC = "agnostic"
    AWARE = "aware"


class Global(Value):
    """How strongly a modality is held to use at least about so many experts."""

    weight: Weight
    experts: PositiveInt


class RouterLosses(Value):
    """What else is asked of routers in training, by weight: even `load`, small logits (`z`); and of the tokens of each
    modality named, one choice a token (`local_entropy`) and several experts among them all (`global_entropy`)."""

    load: Weight = 0.0
    z: Weight = 0.0
    local_entropy: dict[str, Weight] = Field(default_factory=dict)
    global_entropy: dict[str, Global] = Field(default_factory=dict)

    @property
    def modalities(self) -> frozenset[str]:
        """Those that it names."""
        return frozenset((*self.local_entropy, *self.global_entropy))


class MoE(Value):
    """The mixture of experts: on the shared latent, or in the place of a transformer's feed-forward layers.

    Of the pairs of a row (a sample, or a token) and an expert that it is routed to, the share `kept_pairs` with the
    highest router scores is kept, by a score threshold that each layer holds; without it all are.

    With a `capacity`, each expert takes in training at most that many times its even share of the rows, the surest
    first; the rest goes on without. `balance_weight` is that of the importance loss.
    """

    experts: PositiveInt = 8
    top_k: PositiveInt = 2
    hidden: PositiveInt = 64
    combine: Combine = Combine.CHOSEN
    routing: Awareness = Awareness.AGNOSTIC
    capacity: PositiveFloat | None = None
    balance_weight: Weight = 0.01
    losses: RouterLosses = RouterLosses()
    kept_pairs: Annotated[float, Field(gt=0, le=1)] | None = None

    @property
    def threshold(self) -> float | None:
        """The score threshold that a layer begins with, at which it keeps all pairs; none where all stay kept."""
        return None if self.kept_pairs is None else 0.0

    def finer(self, granularity: int) -> Self:
        """So many times as many experts, each as many times narrower, and as many times more of them for a row: as
        many hidden units as before, in smaller pieces. Raises ValueError where the width cannot be divided so."""
        if self.hidden % granularity:
            raise ValueError(f"granularity ({granularity}) must divide hidden ({self.hidden})")
        counts = {"experts": self.experts * granularity, "top_k": self.top_k * granularity}
        return self.model_copy(update={**counts, "hidden": self.hidden // granularity})

    @model_validator(mode="after")
    def _pairs_have_scores(self) -> Self:
        if self.kept_pairs is not None and self.combine is not Combine.PLAIN:
            raise ValueError("kept_pairs goes with combine: plain, by which a router's scores compare across rows")
        return self

    @model_validator(mode="after")
    def _top_k_within_experts(self) -> Self:
        if self.top_k > self.experts:
            raise ValueError(f"top_k ({self.top_k}) cannot exceed experts ({self.experts})")
        return self

    @model_validator(mode="after")
    def _capacity_goes_with_plain_weights(self) -> Self:
        if self.capacity is not None and self.combine is not Combine.PLAIN:
            raise ValueError(f"capacity goes with combine: {Combine.PLAIN}")
        return self

    @model_validator(mode="after")
    def _as_many_experts_as_are_held_in_use(self) -> Self:
        for name, wanted in self.losses.global_entropy.items():
            if wanted.experts > self.experts:
                raise ValueError(
                    f"losses.global_entropy.{name}.experts ({wanted.experts}) cannot exceed experts ({self.experts})"
                )
        return self
