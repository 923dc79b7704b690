"""What the checks look at: typed facts and device outputs of one run, gathered before any check is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import latency
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.plan import Exactness, PrunePlan
from l0gm_edge.core.recipe import Checks, Recipe
from l0gm_edge.core.subsets import Subsets
from l0gm_edge.core.truth import Chain

Logits = NDArray[np.float32]
BASE_SCHEME = "fp32"


@dataclass(frozen=True)
class Measured:
    """One artifact with what its device returned: `outputs[split]` are logits (n, classes)."""

    artifact: Artifact
    measurement: Measurement
    outputs: Mapping[str, Logits]


@dataclass(frozen=True)
class Unmeasured:
    """One artifact that its device could not run, or only a native runner there, and why that is no measurement."""

    artifact: Artifact
    why: str
    measurement: Measurement | None = None


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What a device returned and measured, beside what torch gives: all that is known of a model without a recipe.

    `reference[role][split]` are the torch model's logits. `unmeasured` artifacts could not be run on the device.
    `ways` tell, by artifact, where answers part on the way from torch to the device.

    Raises DeviceFailed when a device returned outputs of another shape than the reference's.
    """

    hardware: HardwareProfile
    reference: Mapping[Role, Mapping[str, Logits]]
    measured: tuple[Measured, ...]
    unmeasured: tuple[Unmeasured, ...] = ()
    ways: Mapping[str, Chain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.models:
            for split, expected in self.reference[one.artifact.role].items():
                found = one.outputs[split].shape if split in one.outputs else None
                if found != expected.shape:
                    raise DeviceFailed(
                        f"the device returned outputs of shape {found} for {split}",
                        where=one.artifact.name,
                        allowed=f"shape {expected.shape}, as the torch model gives",
                    )

    @property
    def models(self) -> tuple[Measured, ...]:
        """Dense and compressed artifacts: all that give class scores."""
        return tuple(one for one in self.measured if one.artifact.role is not Role.FLOOR)

    def of_role(self, role: Role) -> tuple[Measured, ...]:
        """The artifacts of one role."""
        return tuple(one for one in self.measured if one.artifact.role is role)

    def float_twin(self, one: Measured, role: Role | None = None) -> Measured | None:
        """The fp32 artifact of the same runtime and of `role` (default: the same role), or None."""
        wanted = (role or one.artifact.role, one.artifact.runtime, BASE_SCHEME)
        twins = (
            twin
            for twin in self.measured
            if (twin.artifact.role, twin.artifact.runtime, twin.artifact.scheme) == wanted
        )
        return next(twins, None)


@dataclass(frozen=True, kw_only=True)
class Labelled(Readings):
    """Readings of rows whose classes are known, and what may be lost of them.

    `labels[split]` are the true classes; splits are `validation` and `test`. Temperatures are fitted on validation,
    everything reported is computed on test.
    """

    labels: Mapping[str, NDArray[np.int64]]
    limits: Checks


@dataclass(frozen=True, kw_only=True)
class Evidence(Labelled):
    """Everything a check of a run may use."""

    recipe: Recipe
    plan: PrunePlan
    exactness: Exactness
    subsets: Subsets = field(default_factory=Subsets)


def side_by_side(candidate: Measured, baseline: Measured) -> latency.Estimate | None:
    """How many times the baseline's latency the candidate takes; None unless one interleaved session timed both."""
    if candidate.measurement.session != baseline.measurement.session:
        return None
    return latency.ratio(candidate.measurement.blocks, baseline.measurement.blocks)


def unmeasured(artifacts: Iterable[Artifact], measurements: Mapping[str, Measurement]) -> tuple[Unmeasured, ...]:
    """The artifacts that a device could not run; `measurements` are by artifact name."""
    pairs = ((artifact, measurements[artifact.name]) for artifact in artifacts)
    return tuple(Unmeasured(artifact, one.unmeasured, one) for artifact, one in pairs if one.unmeasured is not None)
