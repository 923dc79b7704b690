"""The last look at a chosen .onnx file on its device: settings raced, and its graph optimised ahead, in two forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from l0gm_edge import devices
from l0gm_edge.backends import onnxruntime
from l0gm_edge.bundle.write import tolerance
from l0gm_edge.check.checks.parity import distance
from l0gm_edge.check.choose import TIE
from l0gm_edge.core.artifact import Artifact
from l0gm_edge.core.errors import DeviceFailed, ExportFailed
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.finish import Finish, Form, FormKind, Level, Raced
from l0gm_edge.core.hardware import ONNXRUNTIME, Execution, HardwareProfile
from l0gm_edge.core.latency import ratio
from l0gm_edge.core.opening import Opening, Settings
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.session import Session
from l0gm_edge.core.store import file_sha256
from l0gm_edge.devices import Device
from l0gm_edge.measure import conditions, job, tasks
from l0gm_edge.measure.job import Arrays, ModelFile
from l0gm_edge.measure.settings import held

SET = "samples"
ARM = ("aarch64", "arm")


@dataclass(frozen=True)
class Chosen:
    """An artifact that ships, its file, and the logits (n, classes) that its device gave for the rows."""

    artifact: Artifact
    source: Path
    expected: Logits


@dataclass(frozen=True)
class _Bench:
    """An open device with the programs and rows on it, and what it is asked to do."""

    device: Device
    profile: HardwareProfile
    session: Session
    inputs: dict[str, str]
    measure: Measure
    folder: Path

    def placed(self, name: str, path: Path, opening: Opening | None = None) -> ModelFile:
        """A file on the device, opened as the profile says unless told otherwise."""
        opening = opening or self.session.opening()
        return tasks.put_model(self.device, name, ONNXRUNTIME, self.profile.threads, path, opening)


def finish(
    profile: HardwareProfile,
    chosen: Sequence[Chosen],
    rows: Arrays,
    measure: Measure,
    folder: Path,
    progress: Progress,
) -> tuple[Finish, ...]:
    """Finish every artifact of ONNX Runtime among these; `rows` are (n, *shape) a named input.

    Forms are written to `folder`. A form that cannot be made, or that the device does not
    run as it runs the file, is left out and noted. Off real hardware nothing is timed. Raises MissingExtra,
    DeviceFailed.
    """
    runtime = profile.runtime(ONNXRUNTIME)
    ours = [one for one in chosen if one.artifact.runtime == ONNXRUNTIME]
    if runtime is None or not ours:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    connection = devices.opened(profile)
    with connection as device, progress.task("finish", len(ours)) as task:
        job.put_programs(device)
        inputs = tasks.put_sets(device, {SET: rows})
        arm = any(word in conditions.read(device).machine.get("system", "") for word in ARM)
        bench = _Bench(device, profile, runtime.session, inputs, measure, folder)
        finished = []
        for one in ours:
            finished.append(_finish(bench, one, arm=arm))
            task.advance()
    return tuple(finished)


def fastest(raced: Sequence[Raced]) -> Settings:
    """The first settings that nothing beats by more than a tie; none (the profile's own) unless they win clearly."""
    winners = [one for one in raced if one.interval[1] < 1 and one.ratio * TIE < 1]
    best = min((one.ratio for one in winners), default=1.0)
    return next((one.settings for one in winners if one.ratio <= best * TIE), Settings())


def _finish(bench: _Bench, one: Chosen, *, arm: bool) -> Finish:
    forms, notes = _forms(bench, one, arm=arm)
    raced: tuple[Raced, ...] = ()
    if bench.profile.execution is Execution.HARDWARE:
        raced, forms = _timed(bench, one, forms)
    if len(raced) < len(bench.session.race):
        notes = (*notes, "settings were not raced: that takes real hardware, and ten blocks of runs")
    own = bench.session.over(Settings(threads=bench.profile.threads))
    return Finish(
        artifact=one.artifact.name, settings=fastest(raced).over(own), raced=raced, forms=tuple(forms), notes=notes
    )


def _forms(bench: _Bench, one: Chosen, *, arm: bool) -> tuple[list[Form], tuple[str, ...]]:
    """The forms that answer as the file does, and why others do not ship."""
    level = Level.BASIC if bench.session.accelerated else Level.EXTENDED
    name = one.artifact.name
    paths = {kind: bench.folder / f"{name}.optimized.{kind}" for kind in FormKind}
    operators = bench.folder / f"{name}.required_operators.config"
    try:
        onnxruntime.optimize(
            one.source,
            level,
            arm=arm,
            as_onnx=paths[FormKind.ONNX],
            as_ort=paths[FormKind.ORT],
            operators=operators,
        )
    except ExportFailed as error:
        return [], (f"no forms optimised ahead: {error.what}",)
    models = [bench.placed(f"{name}-{kind}", path) for kind, path in paths.items()]
    forms, notes = [], []
    for (kind, path), answers in zip(paths.items(), _answers(bench, models, len(one.expected)), strict=True):
        if isinstance(answers, DeviceFailed):
            notes.append(f"not shipped as .{kind}: {answers.what}")
            continue
        difference, allowed = distance(answers, one.expected).difference, tolerance(one.artifact.scheme)
        if difference > allowed:
            notes.append(f"not shipped as .{kind}: outputs differ by {difference:.2g} of their scale, {allowed} may be")
            continue
        forms.append(
            Form(
                kind=kind,
                path=path.name,
                sha256=file_sha256(path),
                size_bytes=path.stat().st_size,
                level=level,
                architecture="arm" if arm else "x86",
                operators=operators.name if kind is FormKind.ORT else None,
                difference=difference,
            )
        )
    return forms, tuple(notes)


def _answers(bench: _Bench, models: Sequence[ModelFile], rows: int) -> list[Logits | DeviceFailed]:
    """What each model answers; where the device fails over several, each is asked alone, to know over which."""
    with TemporaryDirectory(prefix="l0gm-edge-") as held:
        folder = Path(held)
        try:
            tasks.ask(bench.device, models, bench.inputs, folder)
            return [tasks.read_outputs(tasks.outputs_path(folder, one.name, SET), rows) for one in models]
        except DeviceFailed as error:
            if len(models) == 1:
                return [error]
    return [answer for one in models for answer in _answers(bench, [one], rows)]


def _timed(bench: _Bench, one: Chosen, forms: Sequence[Form]) -> tuple[tuple[Raced, ...], list[Form]]:
    """Settings and forms, all timed beside the file as the profile opens it."""
    name, session = one.artifact.name, bench.session
    rivals = {f"{name}-race{at}": settings for at, settings in enumerate(session.race)}
    ahead = {f"{name}-{form.kind}": form for form in forms}
    plain = bench.placed(name, one.source)
    copies = [bench.placed(key, one.source, session.opening(settings)) for key, settings in rivals.items()]
    others = [bench.placed(key, bench.folder / form.path) for key, form in ahead.items()]
    with held(bench.device, bench.profile) as device:
        times = tasks.time_interleaved(device, [plain, *copies, *others], bench.inputs, bench.measure)
        loads_ns = tasks.load_times(device, [plain, *others], bench.inputs)
    found = {key: ratio(timing.blocks, times[name].blocks) for key, timing in times.items()}
    raced = tuple(
        Raced(settings=settings, ratio=told.value, interval=(told.low, told.high))
        for key, settings in rivals.items()
        if (told := found[key])
    )
    loads = {key: median(taken) for key, taken in loads_ns.items()}
    return raced, [
        form.model_copy(
            update={
                "load_ms": loads[key] / 1e6,
                "load_ratio": loads[key] / loads[name],
                "p50_ratio": told.value if (told := found[key]) else None,
            }
        )
        for key, form in ahead.items()
    ]
