"""Trial cuts: whether the model's own code still works when units of a site are really gone.

Labels cannot see that a forward pass splits at a fixed place, reshapes to a fixed width or computes with a size. A
site is believed only when the model runs without its first and without its last unit, as it does with those gated.
All sites are tried at once; only when that fails is it asked which of them are to blame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

import torch
from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Field, Site
from l0gm_edge.gates.activations import tensors
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.fields import Kind, known_fields, numbers, of_kind
from l0gm_edge.gates.inputs import Inputs
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.surgery import shrink

TOLERANCE = 1e-4
"""Of the output scale, for float32; a wrong cut is off by far more, rounding by far less."""
COARSE = 5e-2
"""The same for half and bfloat16."""
MOST_TOGETHER = 3
"""Kinds of integers that are set together to make a cut model run."""


def tried(
    model: nn.Module, inputs: Inputs, sites: Sequence[Site], trusted: Collection[str]
) -> tuple[list[Site], dict[str, str]]:
    """The sites that can be cut, with the integers that must change along; and why others cannot, by name."""
    trial = _Trial(model, inputs)
    known, asked = (
        [site for site in sites if site.name in trusted],
        [site for site in sites if site.name not in trusted],
    )
    told = [replace(site, fields=known_fields(model, site)) if site.kind is SiteKind.HEADS else site for site in asked]
    if not asked or trial.fails(told) is None:
        return [*known, *told], {}
    good: list[Site] = []
    for blocks in (False, True):
        group = [site for site in told if (site.kind is SiteKind.BLOCKS) == blocks]
        if group and trial.fails(group) is not None:
            group = trial.with_head_counts(trial.sound([replace(site, fields=()) for site in group]))
        good += group
    if len(good) > 1 and trial.fails(good):  # each by itself, and not together
        together: list[Site] = []
        for site in good:
            if (why := trial.fails([*together, site])) is None:
                together.append(site)
            else:
                trial.failed[site.name] = why
        good = together
    return [*known, *good], trial.failed


class _Trial:
    """Trial cuts of one model; `failed` says by name why sites cannot be cut."""

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        self.model, self.inputs = model, inputs
        self.failed: dict[str, str] = {}
        self._lively = _lively(model)
        self._known: dict[tuple[tuple[str, tuple[Field, ...]], ...], str | None] = {}

    def sound(self, sites: list[Site]) -> list[Site]:
        """Those of the sites that can be cut, perhaps with fields."""
        if not sites or self.fails(sites) is None:
            return sites
        alike: dict[tuple[str, ...], list[Site]] = defaultdict(list)
        for site in sites:
            alike[_signature(self.model, site)].append(site)
        good: list[Site] = []
        for group in alike.values():
            good += self._repaired(group) if len(alike) == 1 or self.fails(group) is not None else group
        return good

    def _repaired(self, group: list[Site]) -> list[Site]:
        """Sites alike of which some fail: those that can be cut as they are, and those that can with fields set."""
        why = self.fails(group[:1])
        if why is None and len(group) > 1:
            half = len(group) // 2
            return [site for part in (group[:half], group[half:]) for site in self._halved(part)]
        kinds = self._kinds_that_mend(group[0]) if why is not None else None
        if kinds:
            mended = [of_kind(self.model, site, kinds) for site in group]
            if self.fails(mended) is None:
                return mended
        if len(group) == 1:
            if not kinds:
                self.failed[group[0].name] = why or ""
                return []
            return [of_kind(self.model, group[0], kinds)]
        return (
            [site for one in group for site in self._repaired([one])] if len(group) <= 64 else self._give_up(group, why)
        )

    def _halved(self, group: list[Site]) -> list[Site]:
        return group if self.fails(group) is None else self._repaired(group)

    def _give_up(self, group: list[Site], why: str | None) -> list[Site]:
        self.failed.update({site.name: why or "" for site in group})
        return []

    def _kinds_that_mend(self, site: Site) -> tuple[Kind, ...] | None:
        """The fewest kinds of integers whose change makes a cut of this site work."""
        if site.kind is SiteKind.BLOCKS:
            return None
        kinds = numbers(self.model, site)
        for count in range(1, MOST_TOGETHER + 1):
            for chosen in combinations(kinds[: 8 if count > 1 else None], count):
                if self.fails([of_kind(self.model, site, chosen)]) is None:
                    return chosen
        return None

    def with_head_counts(self, sites: list[Site]) -> list[Site]:
        """Sites of heads with the numbers of heads that their modules hold set as well, where that does no harm."""
        told = [
            replace(site, fields=known_fields(self.model, site)) if site.kind is SiteKind.HEADS else site
            for site in sites
        ]
        heads = [site for site in told if site.kind is SiteKind.HEADS]
        return told if heads and told != sites and self.fails(heads) is None else sites

    def fails(self, sites: Sequence[Site]) -> str | None:
        """Why the model without first, or without last, units of these sites is not what it is with those gated."""
        key = tuple((site.name, site.fields) for site in sites)
        if key not in self._known:
            self._known[key] = self._tried(Layout.of(list(sites)))
        return self._known[key]

    def _tried(self, layout: Layout) -> str | None:
        """Of blocks, the last goes first, so that what lies inside of the first and of the last one is tried too."""
        for last in (False, True):
            gates = torch.ones(layout.units)
            for site in layout.sites:
                at_end = last != (site.kind is SiteKind.BLOCKS)
                gates[layout.offsets[site.name] + (site.width - 1 if at_end else 0)] = 0
            why = self._differs(layout, gates)
            if why is not None:
                return why
        return None

    def _differs(self, layout: Layout, gates: Tensor) -> str | None:
        with _restored(self.model):
            for module in self.model.modules():
                for name, parameter in list(module._parameters.items()):
                    if id(parameter) in self._lively:
                        setattr(module, name, self._lively[id(parameter)])
            gating = Gating(self.model, layout, lambda _training: gates.to(_device(self.model)))
            try:
                expected = self._run()
            finally:
                gating.remove()
            try:
                shrink(self.model, layout, gates)
                found = self._run()
            except Exception as error:  # shapes that no longer fit, in whatever way the model's code notices
                return f"its code fails without a unit: {type(error).__name__}: {str(error).splitlines()[0]}"
        if [one.shape for one in expected] != [one.shape for one in found]:
            return "without a unit, its code gives another shape"
        return None if all(map(_close, expected, found)) else "without a unit, its code computes something else"

    def _run(self) -> list[Tensor]:
        with evaluating(self.model):
            return list(tensors(self.inputs.call(self.model)))


def _signature(model: nn.Module, site: Site) -> tuple[str, ...]:
    """Sites of one kind in modules of one kind stand or fall together."""
    path = site.modules[0] if site.modules else site.members[0].module
    parts = path.split(".")
    above = [".".join(parts[:length]) for length in range(len(parts))]
    names = [type(model.get_submodule(one)).__name__ for one in above]
    return (site.kind, parts[-1] if not parts[-1].isdigit() else "", *names)


@contextmanager
def _restored(model: nn.Module) -> Iterator[None]:
    """Whatever is done to the model's modules meanwhile is undone; tensors must be replaced, never written to."""
    tables = ("_parameters", "_buffers", "_modules")
    saved = [
        (
            module,
            module.__class__,
            dict(module.__dict__),
            {name: dict(module.__dict__[name]) for name in tables},
            {name: list(value) for name, value in module.__dict__.items() if type(value) is list},
        )
        for module in model.modules()
    ]
    try:
        yield
    finally:
        for module, kind, state, held, lists in saved:
            module.__class__ = kind
            module.__dict__.clear()
            module.__dict__.update(state)
            for name, table in held.items():
                state[name].clear()
                state[name].update(table)
            for name, values in lists.items():
                state[name][:] = values


def _lively(model: nn.Module) -> dict[int, nn.Parameter]:
    """Stand-ins, by id, for parameters through which a wrong cut would hardly show.

    Constant ones, such as norms and scales that start at 0 or 1, vary; weights that start small are as large as they
    must be to pass a signal on.
    """
    generator = torch.Generator().manual_seed(0)
    lively: dict[int, nn.Parameter] = {}
    for parameter in model.parameters():
        if not parameter.is_floating_point() or parameter.numel() < 2:
            continue
        flat = parameter.detach().reshape(-1)
        if bool((flat[:64] == flat[0]).all()) and bool((flat == flat[0]).all()):
            values = (torch.rand(parameter.shape, generator=generator) * 0.5 + 0.75).to(parameter)
        elif (
            parameter.dim() > 1
            and (small := float(flat[:10000].float().std()) * (flat.numel() / len(parameter)) ** 0.5) < 0.4
        ):
            values = parameter.detach() / max(small, 1e-6)
        else:
            continue
        lively[id(parameter)] = nn.Parameter(values, parameter.requires_grad)
    return lively


def _device(model: nn.Module) -> torch.device:
    return next((tensor.device for tensor in model.parameters()), torch.device("cpu"))


def _close(expected: Tensor, found: Tensor) -> bool:
    if not expected.is_floating_point():
        return torch.equal(expected, found)
    scale = float(expected.abs().nan_to_num(0, 0, 0).max()) if expected.numel() else 0.0
    bound = COARSE if expected.dtype in (torch.float16, torch.bfloat16) else TOLERANCE
    return torch.allclose(expected, found, rtol=0, atol=bound * scale, equal_nan=True)
