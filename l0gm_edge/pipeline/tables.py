"""Cost tables for their own sake: timed ahead of any run, and found again by the runs that need them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l0gm_edge.core import store
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.pipeline import preflight
from l0gm_edge.pipeline.context import Context
from l0gm_edge.pipeline.tabulating import Tables


def tabulate(
    recipe: Recipe,
    hardware: HardwareProfile,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    pythonpath: Sequence[Path] = (),
) -> Tables:
    """Time cuts of a recipe's model on a device, whatever the recipe's target; what was timed before is not again.

    Raises RefusedInput, ExportFailed, MissingExtra, DeviceFailed or NotQuiet.
    """
    own = tuple(path.resolve() for path in pythonpath)
    nowhere = store.RunFolder(Path())  # nothing is made of it
    context = Context(recipe, hardware, nowhere, data_dir, progress or Silent(), own)
    with context.own_code():
        preflight.tabulating(context)
        preflight.compiling(context)
        from l0gm_edge.pipeline import learning  # brings torch

        return learning.tables(context)
