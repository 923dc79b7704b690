"""A report with nothing in it but what a test gives: run-level verdicts of chosen statuses."""

from __future__ import annotations

from typing import Any

from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.report import CompressedScores, LayerRouting, ModelScores, Report, Routing
from l0gm_edge.core.verdict import Status, Verdict


def report_of(recipe: Recipe, hardware: HardwareProfile, *statuses: Status) -> Report:
    """A report whose run-level verdicts have these statuses."""
    scores = {"accuracy": 0.96, "ece": 0.02, "ece_scaled": 0.01, "nll": 0.1, "brier": 0.05, "temperature": 1.1}
    return Report(
        passed=bool(statuses) and set(statuses) == {Status.PASS},
        recipe=recipe,
        hardware=hardware,
        verdicts=tuple(
            Verdict(check=f"check {index}", artifact=None, status=status, reason=f"because {index}")
            for index, status in enumerate(statuses)
        ),
        dense=ModelScores(parameters=1000, macs=2000, **scores),
        compressed=CompressedScores(
            parameters=250,
            macs=500,
            active_fraction_requested=0.4,
            active_fraction_realised=0.4,
            exactness=1e-7,
            **scores,
        ),
        artifacts=(),
        floors=(),
        sites=(),
        routing=Routing(),
        environment={},
        seconds={},
    )


def layer_routing(**changes: Any) -> LayerRouting:
    """A layer of experts on the shared latent, with these changes."""
    base: dict[str, Any] = {
        "module": "moe",
        "by_tokens": False,
        "rows": ("image alone", "audio alone", "together"),
        "experts": ("expert 0", "expert 3", "expert 6"),
        "share": ((0.71, 0.08, 0.21), (0.03, 0.82, 0.15), (0.35, 0.41, 0.24)),
        "specialization": 0.41,
    }
    return LayerRouting(**base | changes)
