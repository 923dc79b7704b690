"""The scheme `mixed_int8`: a form for every layer, chosen by what each was measured to take and to lose.

The fp32 file and files that are in int8 throughout are profiled on the device; from times and noise come a few choices
of forms; each is built, timed beside the fp32 file, and held to the limits of accuracy. The fastest that keeps them is
the scheme's file, if it is faster than fp32.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from l0gm_edge import backends, devices
from l0gm_edge.backends import FLOAT, MIXED, LayerCost, Mixing, Samples, Sensitivity
from l0gm_edge.compile import build as compiling
from l0gm_edge.core import arrays, store
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.errors import DeviceFailed, ExportFailed
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.hardware import Execution, HardwareProfile, Runtime
from l0gm_edge.core.latency import central
from l0gm_edge.core.recipe import Measure, Quantize
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device
from l0gm_edge.measure import comparing, job, layers, tasks
from l0gm_edge.measure.job import ModelFile
from l0gm_edge.measure.settings import held
from l0gm_edge.quantize import forms

TIE = 1.02
"""Repeated timings of one file differ by as much: among files so close to the fastest, the smallest is taken."""
NAMED = 6
UNTIMED = "the device does not tell what layers take, so they were chosen by noise and by their size"
Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Setting:
    """Where files are timed and how, and what they are held to: `lost` says of answers to `rows` what is wrong."""

    hardware: HardwareProfile
    measure: Measure
    rows: Rows
    lost: Callable[[Logits], str | None]


class Trial(Value):
    """A choice of forms that was built: the limit of noise it was made for, its latency over that of the fp32 file, and
    which limit it misses."""

    name: str
    forms: dict[str, str]
    bytes: int
    ratio: float
    lost: str | None


class Mix(Value):
    """What was tried for a runtime, and which of it is the scheme's file, if any; told in a sentence.

    `off_the_fast_path`, a sentence or none, names layers that lose the runtime's fast path in int8.
    """

    runtime: str
    trials: tuple[Trial, ...]
    chosen: str | None
    said: str
    off_the_fast_path: tuple[str, ...] = ()


def without(profile: HardwareProfile) -> HardwareProfile:
    """The profile less the scheme `mixed_int8`."""
    runtimes = tuple(
        one.model_copy(update={"schemes": tuple(scheme for scheme in one.schemes if scheme != MIXED)})
        for one in profile.runtimes
    )
    return profile.model_copy(update={"runtimes": runtimes})


def complete(
    made: Sequence[Artifact],
    folder: Path,
    profile: HardwareProfile,
    calibration: Samples,
    settings: Quantize,
    setting: Setting,
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """The scheme's artifacts for the runtimes of a profile that ask for it, and for the others why there is none.

    Each is made from the compressed model's fp32 artifact among those `made` in `folder`. Where the device cannot tell
    what layers take, the backend chooses by noise and size of the layers. Raises DeviceFailed, DataError, MissingExtra.
    """
    found: list[Artifact] = []
    dropped: list[str] = []
    for runtime in profile.runtimes:
        plain = next((one for one in made if _is_plain(one, runtime)), None)
        if plain is None or MIXED not in runtime.schemes:
            continue
        try:
            added = _added(plain, folder, runtime, calibration, settings, setting)
        except ExportFailed as error:
            added = error.what
        if isinstance(added, Artifact):
            found.append(added)
        else:
            dropped.append(f"{runtime.name} {MIXED}: {added}")
    return tuple(found), tuple(dropped)


def _is_plain(one: Artifact, runtime: Runtime) -> bool:
    return (one.role, one.runtime, one.scheme) == (Role.COMPRESSED, runtime.name, compiling.FLOAT)


def _added(
    plain: Artifact, folder: Path, runtime: Runtime, calibration: Samples, settings: Quantize, setting: Setting
) -> Artifact | str:
    """The scheme's artifact, or why there is none; what was tried is left beside it."""
    source = folder / plain.path
    output = compiling.path_of(source, plain.role, runtime, MIXED)
    found = mix(source, runtime, calibration, settings, setting, output)
    if found is not None:
        store.write_value(output.with_suffix(".json"), found)
    if found is not None and found.chosen is None:
        return found.said
    if found is None:
        backends.plugin(runtime.name).quantize(source, MIXED, calibration, settings, output)
    notes = (found.said, *found.off_the_fast_path) if found else (UNTIMED,)
    digest = arrays.sha256(calibration)
    made = compiling.described(output, plain.role, runtime, MIXED, source, plain.recipe_sha256, digest)
    return made.model_copy(update={"notes": (*made.notes, *notes)})


def mix(
    plain: Path, runtime: Runtime, calibration: Samples, settings: Quantize, setting: Setting, output: Path
) -> Mix | None:
    """Write an fp32 file with the forms that are fastest on the device within the limits; nothing when none is.

    None when the device cannot tell what layers take: off real hardware, or without profiles of its runtime. Raises
    DeviceFailed, and what the backend raises.
    """
    if setting.hardware.execution is not Execution.HARDWARE:
        return None
    backend = backends.mixing(runtime.name)
    sensitive = backend.sensitivity(plain, calibration, settings)
    connection = devices.opened(setting.hardware)
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as held, connection as device:
        job.put_programs(device)
        trying = _Trying(device, backend, runtime, plain, setting, Path(held))
        uniform = {
            form: {one.layer: form for one in sensitive if one.form == form}
            for form in dict.fromkeys(one.form for one in sensitive)
        }
        lost = {form: trying.build(form, taken, calibration, settings) for form, taken in uniform.items()}
        costs = {form: trying.profile(form) for form in (FLOAT, *uniform) if not lost.get(form)}
        if not costs[FLOAT] or not any(costs[form] for form in costs if form != FLOAT):
            return None
        chosen = {_name(limit): taken for limit, taken in forms.choices(sensitive, costs).items()}
        fresh = {name: taken for name, taken in chosen.items() if taken not in uniform.values()}
        lost |= {name: trying.build(name, taken, calibration, settings) for name, taken in fresh.items()}
        trials = trying.time({name: taken for name, taken in (uniform | fresh).items() if not lost[name]})
        found = _decided(runtime, trials, [why for why in lost.values() if why], sensitive, costs)
        if found.chosen is not None:
            shutil.copyfile(trying.path(found.chosen), output)
    return found


@dataclass(frozen=True)
class _Trying:
    """An open device, and a folder for the files that are tried there; they are known by what they are."""

    device: Device
    backend: Mixing
    runtime: Runtime
    plain: Path
    setting: Setting
    folder: Path

    def path(self, name: str) -> Path:
        """Where a file of this name lies."""
        return self.plain if name == FLOAT else self.folder / f"{name}{self.backend.SUFFIX}"

    def build(self, name: str, taken: Mapping[str, str], calibration: Samples, settings: Quantize) -> str | None:
        """Write a file with these forms; why that failed, or None."""
        try:
            self.backend.quantize_layers(self.plain, taken, calibration, settings, self.path(name))
        except ExportFailed as error:
            return error.what
        return None

    def profile(self, name: str) -> dict[str, LayerCost]:
        """What each layer takes in a file; empty where the device does not tell."""
        graph = self.folder / f"{name}.ran"
        found = layers.measure(self.device, self._placed(name), graph=graph)
        ran = graph if found.graph else self.path(name)
        return {} if found.unavailable else self.backend.costs(self.plain, ran, found.layers)

    def time(self, wanted: Mapping[str, Mapping[str, str]]) -> tuple[Trial, ...]:
        """Time files side by side with the fp32 file, and hold their answers to the limits."""
        rows, timing = self.setting.rows, self.setting.measure
        inputs = tasks.put_sets(self.device, {"samples": tasks.samples(rows)})
        placed = [self._placed(name) for name in (FLOAT, *wanted)]
        with held(self.device, self.setting.hardware) as device:
            timed = tasks.time_interleaved(device, placed, inputs, timing)
        asked = tasks.put_sets(self.device, {"rows": rows})
        return tuple(
            Trial(
                name=one.name,
                forms=dict(wanted[one.name]),
                bytes=self.path(one.name).stat().st_size,
                ratio=central(comparing.ratios_of(timed[one.name].blocks, timed[FLOAT].blocks)),
                lost=self._lost(one, asked),
            )
            for one in placed[1:]
        )

    def _lost(self, model: ModelFile, asked: dict[str, str]) -> str | None:
        try:
            tasks.ask(self.device, [model], asked, self.folder)
            answers = tasks.read_outputs(
                tasks.outputs_path(self.folder, model.name, "rows"), len(next(iter(self.setting.rows.values())))
            )
        except DeviceFailed as error:
            return error.what
        return self.setting.lost(answers)

    def _placed(self, name: str) -> ModelFile:
        hardware, runtime = self.setting.hardware, self.runtime.name
        opening = hardware.opening(runtime)
        return tasks.put_model(self.device, name, runtime, hardware.threads, self.path(name), opening)


def _name(limit_db: float | None) -> str:
    return "fastest" if limit_db is None else f"fastest-{limit_db:.0f}db"


def _decided(
    runtime: Runtime,
    trials: Sequence[Trial],
    failed: Sequence[str],
    sensitive: Sequence[Sensitivity],
    costs: forms.Costs,
) -> Mix:
    able = [one for one in trials if one.lost is None]
    quickest = min((one.ratio for one in able), default=1.0)
    near = [one for one in able if one.ratio <= quickest * TIE and one.ratio < 1]
    best = min(near, key=lambda one: one.bytes) if quickest < 1 else None
    fallen = forms.off_the_fast_path(sensitive, costs)
    told = (f"int8 takes off the runtime's fast path: {', '.join(fallen)}",) if fallen else ()
    said = _taken(best, sensitive) if best else _dropped(trials, failed)
    return Mix(
        runtime=runtime.name,
        trials=tuple(trials),
        chosen=best.name if best else None,
        said=said,
        off_the_fast_path=told,
    )


def _taken(best: Trial, sensitive: Sequence[Sensitivity]) -> str:
    names = list(dict.fromkeys(one.layer for one in sensitive))
    counted = ", ".join(f"{count} {form}" for form, count in Counter(best.forms.values()).items())
    left = [name for name in names if name not in best.forms]
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    still = f"; in float stay {', '.join(left[:NAMED])}{more}" if left else ""
    return (
        f"of {len(names)} layers {counted} in int8, by what each takes on the device ({best.name}): "
        f"{best.ratio:.2f}x the time of fp32 when it was chosen{still}"
    )


def _dropped(trials: Sequence[Trial], failed: Sequence[str]) -> str:
    """Why no file was taken."""
    able = [one for one in trials if one.lost is None]
    if able:
        least = min(able, key=lambda one: one.ratio)
        return f"no choice of layers is faster than fp32 ({least.ratio:.2f}x at best, of {len(trials)} that were timed)"
    reasons = [f"{one.name} ({one.ratio:.2f}x fp32): {one.lost}" for one in trials]
    return f"no choice of layers keeps the limits: {'; '.join([*reasons, *failed]) or 'no layer can be quantized'}"
