"""What the checks look at: typed facts and device outputs of one run, gathered before any check is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.plan import Exactness, PrunePlan
from l0gm_edge.core.recipe import Recipe

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """One artifact with what its device returned: `outputs[split]` are logits (n, classes)."""

    artifact: Artifact
    measurement: Measurement
    outputs: Mapping[str, Logits]


@dataclass(frozen=True)
class Evidence:
    """Everything a check may use.

    `reference[role][split]` are the torch model's logits, `labels[split]` the true classes; splits are `validation`
    and `test`. Temperatures are fitted on validation, everything reported is computed on test.
    """

    recipe: Recipe
    hardware: HardwareProfile
    plan: PrunePlan
    exactness: Exactness
    reference: Mapping[Role, Mapping[str, Logits]]
    labels: Mapping[str, NDArray[np.int64]]
    measured: tuple[Measured, ...]

    def of_role(self, role: Role) -> tuple[Measured, ...]:
        """The artifacts of one role."""
        return tuple(one for one in self.measured if one.artifact.role is role)
