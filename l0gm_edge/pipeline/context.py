"""What every stage of one run works with."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from l0gm_edge import data
from l0gm_edge.core import store
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Recipe


@dataclass(frozen=True)
class Context:
    """A recipe, a device, a run folder, and whoever listens."""

    recipe: Recipe
    hardware: HardwareProfile
    run: store.RunFolder
    data_dir: Path | None
    progress: Progress

    @cached_property
    def dataset(self) -> Dataset:
        """The recipe's data set, loaded when first asked for."""
        return data.load(self.recipe.data.name, self.data_dir)

    @cached_property
    def data_fingerprint(self) -> str:
        """Digest of the data set's files and of the code that reads them; does not load it."""
        return data.fingerprint(self.recipe.data.name, self.data_dir)

    @property
    def preprocess(self) -> str:
        """How raw data becomes what the model takes, in words."""
        return inspect.getdoc(data.plugin(self.recipe.data.name)) or ""

    @cached_property
    def recipe_sha256(self) -> str:
        """The recipe's digest."""
        return store.value_sha256(self.recipe)
