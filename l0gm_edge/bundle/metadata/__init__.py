"""What a model file tells of itself in a bundle. Each public file of this folder writes it for the runtime it is named
after; files of other runtimes are shipped as they were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from l0gm_edge.bundle.manifest import Model
from l0gm_edge.core import plugins
from l0gm_edge.core.dataset import Normalization


@dataclass(frozen=True)
class Told:
    """What is said of a model: the class labels, and how inputs are made from raw data, in words and in numbers."""

    model: Model
    labels: tuple[str, ...]
    preprocess: str
    normalization: Mapping[str, Normalization]


class MetadataWriter(Protocol):
    """What a file of this folder defines."""

    def written(self, source: Path, told: Told) -> bytes:
        """The model file with its metadata. It computes what it computed before."""


def content(source: Path, told: Told) -> bytes:
    """A model file as it is shipped."""
    if told.model.runtime not in plugins.names(__name__):
        return source.read_bytes()
    return cast(MetadataWriter, plugins.load(__name__, told.model.runtime)).written(source, told)
