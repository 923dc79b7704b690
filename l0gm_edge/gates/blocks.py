"""Residual blocks as units: which modules they may be, and what stands where one was dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Site
from l0gm_edge.gates.layers import can_be_cut


class PassThrough(nn.Module):
    """Stands for a dropped block: gives its first tensor argument, as the first of `outputs` values or plainly."""

    def __init__(self, block: nn.Module, outputs: int) -> None:
        super().__init__()
        for name, value in vars(block).items():  # what a parent asks of its layers, such as the kind of attention
            if not name.startswith("_") and name != "training" and isinstance(value, str | int | float):
                setattr(self, name, value)
        if isinstance(block, nn.TransformerEncoderLayer):  # whose holder asks its first layer for the order of axes
            self.self_attn = nn.Module()
            self.self_attn.batch_first = block.self_attn.batch_first
        self.outputs = outputs
        self.train(block.training)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Give the first tensor argument."""
        first = first_tensor(args, kwargs)
        return (first, *[None] * (self.outputs - 1)) if self.outputs else first


def candidates(model: nn.Module) -> Iterator[str]:
    """Paths of the modules that could be residual blocks: those of a list of two and more, with layers inside."""
    for path, holder in model.named_modules():
        if isinstance(holder, nn.ModuleList | nn.Sequential) and len(holder) > 1:
            for name, block in holder.named_children():
                if not can_be_cut(block) and any(can_be_cut(inner) for inner in block.modules()):
                    yield f"{path}.{name}" if path else name


def block_sites(found: Mapping[str, int]) -> Iterator[Site]:
    """A site for each list of blocks; `found` are their paths with the number of values that each gives."""
    lists: dict[tuple[str, int], list[str]] = defaultdict(list)
    for path, outputs in found.items():
        lists[path.rpartition(".")[0], outputs].append(path)
    for (holder, outputs), paths in lists.items():
        name = holder or "blocks"
        if len(paths) > 1:
            yield Site(name, SiteKind.BLOCKS, len(paths), (), modules=tuple(paths), hard=True, outputs=outputs)


def placed_inside(sites: Sequence[Site]) -> list[Site]:
    """The sites, each with the innermost block that it lies inside of as a whole."""
    blocks = {
        f"{path}.": (site.name, unit)
        for site in sites
        if site.kind is SiteKind.BLOCKS
        for unit, path in enumerate(site.modules)
    }
    innermost = sorted(blocks, key=len, reverse=True)
    placed = []
    for site in sites:
        touched = [*(member.module for member in site.members), *site.modules]
        holder = next((path for path in innermost if all(f"{one}.".startswith(path) for one in touched)), None)
        own = [path for path in innermost if holder == path and site.name == blocks[path][0]]
        placed.append(replace(site, inside=blocks[holder]) if holder and not site.inside and not own else site)
    return placed


def first_tensor(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The first tensor among the arguments of a call, positional ones first."""
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None)


def first_output(output: Any) -> Tensor | None:
    """What a block gives, or the first of the values that it gives in a tuple."""
    first = output[0] if isinstance(output, tuple) and output else output
    return first if isinstance(first, Tensor) else None
