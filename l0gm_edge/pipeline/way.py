"""The same rows through torch, the file, this machine and the device; and the first layer where answers part."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
from torch import nn

from l0gm_edge import devices
from l0gm_edge.check import modules, tensors, way
from l0gm_edge.check.checks import parity
from l0gm_edge.check.divergence import LIMIT, first_apart
from l0gm_edge.check.tensors import Floats, Tensor
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.dataset import Values
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.evidence import BASE_SCHEME, Logits, Measured, Readings
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.truth import Chain, Chains, Place
from l0gm_edge.devices import Device
from l0gm_edge.measure import inside, job, tasks

ROWS = 8
"""Rows that are followed: enough to see a layer go wrong, few enough to keep what every layer gives."""
FLOAT_LIMIT = 1e-3
"""How far one layer in floats may be from the same layer elsewhere, of its size."""
Rows = Mapping[str, Values]
Files = Mapping[str, Path]
"""Where artifacts lie, by name."""
Networks = Mapping[Role, nn.Module]


@dataclass(frozen=True)
class Followed:
    """One artifact: its file, torch's answers and the device's to the rows, and whether all answers lose parity.

    `network` is the torch model, where there is one, and `twin` is the fp32 file of the same runtime: what the file
    is held against.
    """

    artifact: Artifact
    path: Path
    reference: Logits
    answers: Logits
    lost: bool
    network: nn.Module | None
    twin: Path | None

    @classmethod
    def of(
        cls, readings: Readings, one: Measured, split: str, files: Files, networks: Networks = MappingProxyType({})
    ) -> Self:
        """An artifact that a device answered for; `files` says where each lies."""
        reference, answers = readings.reference[one.artifact.role][split], one.outputs[split]
        twin = readings.float_twin(one)
        return cls(
            artifact=one.artifact,
            path=files[one.artifact.name],
            reference=reference[:ROWS],
            answers=answers[:ROWS],
            lost=not parity.keeps(one.artifact.scheme, parity.distance(answers, reference)),
            network=networks.get(one.artifact.role),
            twin=files[twin.artifact.name] if twin else None,
        )

    @property
    def limit(self) -> float:
        """How far apart one layer may be."""
        return FLOAT_LIMIT if self.artifact.scheme == BASE_SCHEME else LIMIT


def follow_all(
    device: Device, profile: HardwareProfile, followed: Sequence[Followed], rows: Rows, progress: Progress
) -> Chains:
    """Follow the rows of every artifact whose file can be looked into."""
    possible = [one for one in followed if one.artifact.runtime in tensors.names()]
    chains = []
    with progress.task("from torch to the device", len(possible)) as task:
        for one in possible:
            chains.append(follow(device, profile, one, rows))
            task.advance()
    return Chains(chains=tuple(chains))


def follow(device: Device, profile: HardwareProfile, one: Followed, rows: Rows) -> Chain:
    """Follow the rows of one artifact. What cannot be computed somewhere says why in its place."""
    reader = tensors.plugin(one.artifact.runtime)
    answers, unavailable = {Place.DEVICE: one.answers}, dict[Place, str]()
    known: dict[str, Tensor] = {}
    try:
        known = reader.tensors(one.path, rows)
        answers[Place.FILE] = _flat(known[one.artifact.outputs[0].name])
    except Exception as error:  # whatever a runtime raises of a file that only the device can run
        unavailable[Place.FILE] = f"{type(error).__name__}: {error}"
    if not _is_here(profile):
        try:
            answers[Place.HOST] = _on_host(profile, reader.HOST, one, rows)
        except DeviceFailed as error:
            unavailable[Place.HOST] = error.what
    parted = way.parted(one.artifact.scheme, one.reference, answers, one.lost)
    layer, unseen = None, None
    if parted is not None:
        try:
            layer = _layer(parted, device, profile, one, rows, known)
        except DeviceFailed as error:  # all was measured by now, and that is worth more than a layer's name
            unseen = error.what
    return Chain(
        artifact=one.artifact.name,
        rows=len(one.answers),
        links=way.links(one.reference, answers, unavailable),
        parted=parted,
        layer=layer,
        unseen=unseen,
    )


def _is_here(profile: HardwareProfile) -> bool:
    """Whether the device is this machine, with the runtimes that files are made with."""
    return profile.transport.kind == "local" and profile.transport.python is None


def _host(profile: HardwareProfile) -> HardwareProfile:
    return profile.model_copy(update={"transport": Transport()})


def _on_host(profile: HardwareProfile, runtime: str, one: Followed, rows: Rows) -> Logits:
    """What the runtime on this machine answers."""
    with (
        devices.plugin("local").connect(_host(profile)) as host,
        tempfile.TemporaryDirectory(prefix="l0gm-edge-") as folder,
    ):
        job.put_programs(host)
        model = tasks.put_model(host, one.artifact.name, runtime, profile.threads, one.path)
        tasks.ask(host, [model], tasks.put_sets(host, {"rows": rows}), Path(folder))
        return tasks.read_outputs(tasks.outputs_path(Path(folder), model.name, "rows"), len(one.answers))


def _layer(
    parted: Place, device: Device, profile: HardwareProfile, one: Followed, rows: Rows, known: Mapping[str, Tensor]
) -> str | None:
    """The first layer that the place computes unlike the place before."""
    reader = tensors.plugin(one.artifact.runtime)
    if parted is Place.FILE:
        if one.twin and one.artifact.scheme != BASE_SCHEME:
            return first_apart(reader.tensors(one.twin, rows), known)
        return modules.first_apart(modules.outputs(one.network, rows), known, one.limit) if one.network else None
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as folder:
        exposed = Path(folder) / f"{one.artifact.name}-exposed{one.path.suffix}"
        if not known or not reader.expose(one.path, exposed):
            return None
        with devices.plugin("local").connect(_host(profile)) as host:
            job.put_programs(host)
            here = reader.named(one.path, _inside(host, reader.HOST, profile, exposed, rows))
        if parted is Place.HOST or _is_here(profile):
            return first_apart(known, here, one.limit)
        there = _inside(device, one.artifact.runtime, profile, exposed, rows)
        return first_apart(here, reader.named(one.path, there), one.limit)


def _inside(device: Device, runtime: str, profile: HardwareProfile, exposed: Path, rows: Rows) -> dict[str, Floats]:
    """Every output of a file on one device."""
    return inside.look(device, tasks.put_model(device, exposed.stem, runtime, profile.threads, exposed), rows)


def _flat(tensor: Tensor) -> Logits:
    return np.ascontiguousarray(tensor.values.reshape(len(tensor.values), -1), np.float32)
