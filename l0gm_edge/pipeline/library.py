"""The library call: gates on a person's own model, in a training loop of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from l0gm_edge.core import load, plugins, store
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import ChannelMultiple, HardwareProfile
from l0gm_edge.core.plan import Sized
from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.cost.latency import Latency
from l0gm_edge.gates.inputs import Example, Inputs
from l0gm_edge.gates.session import Session
from l0gm_edge.measure.job import Arrays
from l0gm_edge.pipeline import calling
from l0gm_edge.pipeline.attached import AttachedSession
from l0gm_edge.pipeline.cuts import Subject
from l0gm_edge.pipeline.sizing import size
from l0gm_edge.pipeline.tabulating import Tables, tabulate
from l0gm_edge.prune.prune import multiples

MANUAL = "docs/own-model.md"


def attach(
    model: nn.Module,
    example_inputs: Example,
    target: Target | Mapping[str, float],
    hardware: HardwareProfile | str | Path | None = None,
    *,
    steps: int = 1000,
    warm_up: float = 0.2,
    method: str = "progressive",
    sites: Collection[SiteKind | str] = tuple(SiteKind),
    min_units: int = 2,
    seed: int = 0,
    table: Tables | str | Path | None = None,
) -> AttachedSession:
    """Put L0 gates on a model, to learn over `steps` training steps which units it needs.

    `example_inputs` are those of one call: a tensor, a tuple, or a dict of arguments. `target` is what the cut model
    comes down to, as under `gates.target` in a recipe. Widths are rounded to the channel multiples of `hardware` (a
    profile, its name or its path); without one, not at all. Over the first `warm_up` (a share of the steps) the gates
    only watch; then they learn. The model's own code and parameters stay as they are.

    A target in milliseconds needs hardware that can be reached. Cuts of the model are timed there first (minutes, once
    for a model and device), and candidates for the final one at the end. Or give a `table` of the model that was made
    so before; then nothing is timed, and the target is met as far as the table predicts it.

    Raises RefusedInput when an argument makes no sense, ExportFailed when the model does not run on the inputs, and
    TargetImpossible when no cut of it meets the target; NotQuiet or DeviceFailed when cuts cannot be timed. The model
    is then left as it was.
    """
    gates = load.checked(
        Gates,
        {"target": target, "method": method, "sites": tuple(sites), "min_units": min_units},
        where="l0gm_edge.attach",
        manual=MANUAL,
    )
    plugins.load("l0gm_edge.gates.methods", gates.method)
    if steps < 2 or not 0 <= warm_up < 1:
        raise RefusedInput(
            f"steps={steps}, warm_up={warm_up}", where="l0gm_edge.attach", allowed="at least 2 steps; a share below 1"
        )
    profile = load.hardware(str(hardware)) if isinstance(hardware, str | Path) else hardware
    multiple = profile.channel_multiple if profile else ChannelMultiple()
    inputs = Inputs.of(example_inputs)
    timed = _Timed.of(model, inputs, gates, profile, table) if profile and gates.target.asks_for_latency else None
    session = Session(model, inputs, gates, multiples(multiple), latency=timed.latency if timed else None)
    if timed and timed.subject.layout.sites != session.base_layout.sites:
        session.close()
        raise RefusedInput(
            "the model gives more than its logits, and that holds units which a compiled model would not need",
            where=f"{type(model).__name__}.forward",
            todo="attach to a model that gives its logits alone, or ask for parameters or macs",
        )
    return AttachedSession(session, inputs, steps, warm_up, seed, timed.size if timed and table is None else None)


@dataclass(frozen=True)
class _Timed:
    """A model whose latency on a device is known as a function of what is kept."""

    subject: Subject
    latency: Latency
    profile: HardwareProfile
    rows: Arrays

    @classmethod
    def of(
        cls,
        model: nn.Module,
        inputs: Inputs,
        gates: Gates,
        profile: HardwareProfile,
        table: Tables | str | Path | None,
    ) -> _Timed:
        """From a table that is given, kept, or made now."""
        named = calling.by_name(model, inputs)
        rows = calling.rows(named, "example_inputs")
        example = {name: torch.from_numpy(values[:1]) for name, values in rows.items()}
        subject = Subject.of(calling.prepared(model, named), example, gates, profile.channel_multiple)
        given = store.read_value(Tables, Path(table)) if isinstance(table, str | Path) else table
        found = given or tabulate(subject, profile, rows)
        if any(one.key.model_sha256 != subject.sha256 for one in found.tables):
            raise RefusedInput(
                "the table is of another model, or of other example inputs",
                where="attach(table=...)",
                todo="leave it out, to time this model",
            )
        return cls(subject, Latency(found.tables, subject.size, gates.target), profile, rows)

    def size(self, session: Session) -> tuple[Tensor, tuple[Sized, ...]]:
        """The final choice, among candidates that are timed."""
        return size(self.subject, session, self.latency, self.profile, self.rows)
