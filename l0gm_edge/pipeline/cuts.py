"""Cuts of a model that is not trained, as files that a runtime can time: latency does not depend on weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from l0gm_edge import backends
from l0gm_edge.compile import export
from l0gm_edge.core import store
from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.problem import pose
from l0gm_edge.gates.size import SizeModel, size_model
from l0gm_edge.gates.structure import structure_sha256
from l0gm_edge.gates.surgery import shrink
from l0gm_edge.gates.target import budget
from l0gm_edge.prune.prune import multiples

CHILDREN = 2
"""Converters at work at once."""
A_CHILD = 8
"""Programs that one converter gets: its imports take as long as some conversions, and it must not grow too large."""


@dataclass(frozen=True)
class Subject:
    """A model, one row of example inputs by name, and the widths that each of its sites may come to."""

    model: nn.Module
    example: Mapping[str, Tensor]
    layout: Layout
    size: SizeModel
    allowed: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(
        cls,
        model: nn.Module,
        example: Mapping[str, Tensor],
        gates: Gates,
        multiple: ChannelMultiple,
        interfaces: Collection[str] = (),
    ) -> Subject:
        """The sites that these gates would learn, and the widths that their final choice could give them.

        Raises TargetImpossible when there is none, and ExportFailed when the model does not run on the example.
        """
        sites = [site for site in survey(model, example, interfaces).sites if site.kind in gates.sites]
        if not sites:
            raise TargetImpossible(
                "no site of this model can be gated", where="gates.sites", allowed=", ".join(SiteKind)
            )
        layout = Layout.of(sites)
        size = size_model(model, layout, example)
        whole = budget(Target(active_fraction=1), size, layout.units)
        free = pose(layout, gates.model_copy(update={"floor": 0.0}), multiples(multiple), whole)
        return cls(model, example, layout, size, free.allowed)

    @cached_property
    def sha256(self) -> str:
        """Digest of the computation, its sites and their widths; not of any weight's value."""
        with evaluating(self.model):
            graph = torch.export.export(self.model, (), dict(self.example)).graph
        shapes = [(name, tuple(value.shape), str(value.dtype)) for name, value in self.example.items()]
        sites = [(site.name, self.allowed[site.name]) for site in self.layout.sites]
        return store.text_sha256(repr((structure_sha256(self.model), str(graph), shapes, sites)))

    def cut(self, kept: Tensor) -> nn.Module:
        """A copy with these units (bool, (units,)) only."""
        small = copy.deepcopy(self.model)
        shrink(small, self.layout, kept)
        return stirred(small)


@torch.no_grad()
def stirred(model: nn.Module) -> nn.Module:
    """The model with no weight at a special value: fresh zeros and ones would be optimised away by a converter."""
    random = torch.Generator().manual_seed(0)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.add_(0.01 * torch.rand(tensor.shape, generator=random))
    return model


def export_floor(subject: Subject, path: Path) -> None:
    """Write an almost empty program that takes and gives what the model does."""
    with evaluating(subject.model):
        given = subject.model(**subject.example)
    export.floor_program(subject.example, given.shape[-1], path)


def convert(runtime: str, programs: Iterable[Path], step: Callable[[int], None] = lambda _: None) -> dict[Path, Path]:
    """The fp32 file of every program for a runtime, beside it; those that are there already stay.

    `step` is called with how many more are done. Raises ExportFailed or MissingExtra.
    """
    backend = backends.plugin(runtime)
    files = {program: program.with_suffix(backend.SUFFIX) for program in programs}
    missing = [program for program, file in files.items() if not file.exists()]
    step(len(files) - len(missing))
    share = min(A_CHILD, -(-len(missing) // CHILDREN))
    shares = [missing[first : first + share] for first in range(0, len(missing), max(1, share))]

    def one(together: list[Path]) -> None:
        backend.convert_all({program: files[program] for program in together})
        step(len(together))

    with ThreadPoolExecutor(CHILDREN) as children:
        list(children.map(one, shares))
    return files
