"""What must hold before any work begins: better said at once than after an hour of training."""

from __future__ import annotations

from l0gm_edge import backends, ranges
from l0gm_edge.core import environment
from l0gm_edge.pipeline import installed
from l0gm_edge.pipeline.context import Context

TORCH = ("torch", "safetensors")


def nothing(_: Context) -> None:
    """A stage that needs nothing but the stages before it."""


def learning(context: Context) -> None:
    """The data is there and sound; the model can be built, gated, cut to the target, and exported.

    Raises MissingExtra, DataError, RecipeError, TargetImpossible or ExportFailed.
    """
    for package in TORCH:
        environment.require(package, "torch", "learning")
    from l0gm_edge.pipeline import learning  # brings torch

    learning.rehearse(context)


def tabulating(context: Context) -> None:
    """The device is a real one, and what fits a cost model is installed.

    Raises RefusedInput or MissingExtra.
    """
    environment.require("scipy", "torch", "a target in milliseconds")
    from l0gm_edge.pipeline import timing

    timing.require_real(context.hardware)


def compiling(context: Context) -> None:
    """Every runtime of the profile has the schemes asked of it, and the providers; ranges are found in a known way;
    tools are installed.

    Raises RecipeError or MissingExtra.
    """
    from l0gm_edge.compile import build

    build.require_schemes(context.hardware)
    ranges.plugin(context.recipe.quantize.ranges)
    for runtime in context.hardware.runtimes:
        backends.plugin(runtime.name).require_installed()
    installed.require_versions(context.hardware)
    installed.require_providers(context.hardware)


def measuring(context: Context) -> None:
    """The device answers, with runtimes in the versions asked for. Raises MissingExtra, RecipeError or DeviceFailed."""
    installed.require_device(context.hardware)


def bundling(_: Context) -> None:
    """What writes a bundle is installed. Raises MissingExtra."""
    from l0gm_edge.bundle import sbom

    sbom.require_installed()
