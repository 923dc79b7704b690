"""Accuracy on the device against the dense model's.

The verdict is on the drop over this very test set, which is known without doubt. The interval is for what a new test
set of this size would show: it counts the rows that only one of the two models has right.
"""

from __future__ import annotations

import numpy as np

from l0gm_edge.check.limits import tighter, value_status
from l0gm_edge.core import scores
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Labelled, Measured
from l0gm_edge.core.verdict import Verdict

ROUNDING = 1e-9


def check(evidence: Labelled) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact: the drop, in points, is within the tighter of recipe's and profile's limit."""
    budgets = evidence.hardware.budgets
    limit = tighter(evidence.limits.max_accuracy_drop_points, budgets.max_accuracy_drop_points)
    return tuple(_verdict(evidence, one, limit) for one in evidence.of_role(Role.COMPRESSED))


def _verdict(evidence: Labelled, one: Measured, limit: float) -> Verdict:
    labels = evidence.labels["test"]
    dense = scores.correct(evidence.reference[Role.DENSE]["test"], labels)
    ours = scores.correct(one.outputs["test"], labels)
    lost = 100.0 * (dense.astype(np.float64) - ours)
    drop, spread = float(lost.mean()), float(1.96 * lost.std() / np.sqrt(len(lost)))
    return Verdict(
        check="accuracy_drop",
        artifact=one.artifact.name,
        status=value_status(drop, limit + ROUNDING),
        value=drop,
        limit=limit,
        unit="points",
        interval=(drop - spread, drop + spread),
        reason=f"{ours.mean():.2%} right where the dense model has {dense.mean():.2%}: {_change(drop)} "
        f"(a new test set: {-drop - spread:+.2f} to {-drop + spread:+.2f}); a drop of {limit:.3g} points is allowed",
        evidence=(one.artifact.sha256, *one.measurement.outputs_sha256.values()),
    )


def _change(drop: float) -> str:
    return f"{-drop:+.2f} points" if drop else "no change"
