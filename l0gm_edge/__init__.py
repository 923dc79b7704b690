"""L0GM-Edge: learn what a multimodal PyTorch model needs, cut out the rest, and prove it on the device.

Names are imported when first used, so that `import l0gm_edge` is instant and brings neither torch nor a runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l0gm_edge.core.artifact import Artifact
    from l0gm_edge.core.build import Build
    from l0gm_edge.core.dataset import Dataset, Normalization, Split
    from l0gm_edge.core.description import Description
    from l0gm_edge.core.errors import L0GMEdgeError
    from l0gm_edge.core.hardware import HardwareProfile
    from l0gm_edge.core.load import hardware as load_hardware
    from l0gm_edge.core.load import recipe as load_recipe
    from l0gm_edge.core.measurement import Measurement
    from l0gm_edge.core.plan import PrunePlan
    from l0gm_edge.core.recipe import Recipe
    from l0gm_edge.core.report import Report
    from l0gm_edge.core.verdict import Status, Verdict
    from l0gm_edge.pipeline import run
    from l0gm_edge.pipeline.attached import AttachedSession
    from l0gm_edge.pipeline.library import attach
    from l0gm_edge.pipeline.shipping import build

__all__ = [
    "Artifact",
    "AttachedSession",
    "Build",
    "Dataset",
    "Description",
    "HardwareProfile",
    "L0GMEdgeError",
    "Measurement",
    "Normalization",
    "PrunePlan",
    "Recipe",
    "Report",
    "Split",
    "Status",
    "Verdict",
    "attach",
    "build",
    "load_hardware",
    "load_recipe",
    "run",
]

_HOMES = {
    "Artifact": "core.artifact",
    "AttachedSession": "pipeline.attached",
    "Build": "core.build",
    "Dataset": "core.dataset",
    "Description": "core.description",
    "HardwareProfile": "core.hardware",
    "L0GMEdgeError": "core.errors",
    "Measurement": "core.measurement",
    "Normalization": "core.dataset",
    "PrunePlan": "core.plan",
    "Recipe": "core.recipe",
    "Report": "core.report",
    "Split": "core.dataset",
    "Status": "core.verdict",
    "Verdict": "core.verdict",
    "attach": "pipeline.library",
    "build": "pipeline.shipping",
    "load_hardware": "core.load:hardware",
    "load_recipe": "core.load:recipe",
    "run": "pipeline",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'l0gm_edge' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    found: object = getattr(import_module(f"l0gm_edge.{module}"), attribute or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
