"""What every stage of one run works with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from l0gm_edge import data
from l0gm_edge.core import store
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.distillation import OwnTeacher
from l0gm_edge.core.entry import Entry
from l0gm_edge.core.errors import OwnCodeFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import OwnData, OwnModel, Recipe
from l0gm_edge.pipeline import own_code

DATA_KEY = "data.entry"


@dataclass(frozen=True)
class Context:
    """A recipe, a device, a run folder, whoever listens, and where the person's own code lies."""

    recipe: Recipe
    hardware: HardwareProfile
    run: store.RunFolder
    data_dir: Path | None
    progress: Progress
    pythonpath: tuple[Path, ...] = ()

    @cached_property
    def dataset(self) -> Dataset:
        """The recipe's data set, loaded when first asked for."""
        own = self.recipe.data
        if not isinstance(own, OwnData):
            return data.load(own.name, self.data_dir)
        found = own_code.call(own, DATA_KEY)
        if not isinstance(found, Dataset):
            raise OwnCodeFailed(
                f"{DATA_KEY}: {own.entry} returned a {type(found).__name__}", allowed="an l0gm_edge.Dataset"
            )
        return found

    @cached_property
    def data_fingerprint(self) -> str:
        """Digest of the data set's files and of the code that reads them; of the person's own data, the content."""
        if isinstance(self.recipe.data, OwnData):
            made = sorted((name, known.model_dump_json()) for name, known in self.dataset.normalization.items())
            return store.text_sha256(f"{self.dataset.sha256}{made}")
        return data.fingerprint(self.recipe.data.name, self.data_dir)

    @property
    def preprocess(self) -> str:
        """How raw data becomes what the model takes, in words."""
        own = self.recipe.data
        if isinstance(own, OwnData):
            return own_code.documentation(own, DATA_KEY)
        return inspect.getdoc(data.plugin(own.name)) or ""

    @cached_property
    def own_networks(self) -> dict[str, str]:
        """Digests of the person's own code, and teacher's weights, that networks are made of; empty for our models."""
        digests = {key: own_code.source_sha256(entry.package) for key, entry in _networks(self.recipe).items()}
        teacher = self.recipe.distill.teacher if self.recipe.distill else None
        if isinstance(teacher, OwnTeacher) and teacher.weights is not None and Path(teacher.weights).is_file():
            digests["teacher's weights"] = store.file_sha256(Path(teacher.weights))
        return digests

    @contextmanager
    def own_code(self) -> Iterator[None]:
        """Let the person's own code be found, and told of where it fails, while the context lasts."""
        with ExitStack() as stack:
            stack.enter_context(own_code.importable(self.pythonpath))
            for key, entry in _entries(self.recipe).items():
                stack.enter_context(own_code.told(entry, key, only_its_own=True))
            yield

    @cached_property
    def recipe_sha256(self) -> str:
        """The recipe's digest."""
        return store.value_sha256(self.recipe)


def _networks(recipe: Recipe) -> dict[str, Entry]:
    """The entries that networks are made by, by their keys."""
    found: dict[str, Entry] = {}
    if isinstance(recipe.model, OwnModel):
        found["model.entry"] = recipe.model
    if recipe.distill is not None and isinstance(recipe.distill.teacher, OwnTeacher):
        found["distill.teacher.entry"] = recipe.distill.teacher
    return found


def _entries(recipe: Recipe) -> dict[str, Entry]:
    own = {DATA_KEY: recipe.data} if isinstance(recipe.data, OwnData) else {}
    return {**own, **_networks(recipe)}
