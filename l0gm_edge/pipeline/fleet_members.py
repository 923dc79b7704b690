"""One model, or one comparison, on many devices: the commands that each needs, and what their answers say together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError

from l0gm_edge import devices
from l0gm_edge.check.budgets import budgets
from l0gm_edge.check.outcome import EXIT_STATUS
from l0gm_edge.core import environment, store
from l0gm_edge.core.comparison import Comparison
from l0gm_edge.core.errors import DeviceFailed, RefusedInput
from l0gm_edge.core.fleet import Device, Fleet, Member, worst_status
from l0gm_edge.core.hardware import Budgets, HardwareProfile
from l0gm_edge.core.profiled import AggregateProfile, ModelProfile
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import worst
from l0gm_edge.pipeline import fleet
from l0gm_edge.pipeline.contenders import Source, opened
from l0gm_edge.pipeline.fleet import Answered, Job
from l0gm_edge.pipeline.road import source_sha256

SHARED = ("learn", "prune", "recover", "quantize")
"""Stages that may come out the same for several devices, and take the longest."""
SOURCES = ("core", "pipeline", "devices", "measure", "ondevice")


def profile(model: str, members: Sequence[Device], options: Sequence[str], folder: Path, progress: Progress) -> Fleet:
    """Time a model file, or every model of a bundle or run that a device can run, on every device.

    `options` are those of `l0gm-edge profile`. What is known in `folder` is not measured again. Raises RefusedInput
    when no device can run it, and what `fleet.ask` raises.
    """
    with ExitStack() as stack:
        jobs: list[Job] = []
        for one in members:
            sources, refused = _sources(stack, model, one.hardware)
            jobs += [_profile_job(source, one, options) for source in sources]
            jobs += [Job(one.hardware, Path(model).name, refused=refused)] if refused else []
        _require_one(jobs)
        answered = fleet.ask(jobs, folder, progress)
    return Fleet(subject=model, members=tuple(_member(one, _profiled) for one in answered))


def compare(
    baseline: str, candidate: str, members: Sequence[Device], options: Sequence[str], folder: Path, progress: Progress
) -> Fleet:
    """Hold a candidate against its baseline on every device.

    `options` are those of `l0gm-edge compare`. What is settled in `folder` is not measured again. Raises RefusedInput
    when no device can run both, and what `fleet.ask` raises.
    """
    with ExitStack() as stack:
        jobs = []
        for one in members:
            theirs, refused = _sources(stack, baseline, one.hardware)
            ours, refused_too = _sources(stack, candidate, one.hardware)
            why = refused or refused_too
            inputs = _inputs(one.hardware, options) | {"baseline": _digest(theirs), "candidate": _digest(ours)}
            arguments = ("compare", baseline, candidate, "--hardware", one.named, *options, *_waiting())
            jobs.append(Job(one.hardware, Path(candidate).name, arguments, inputs, why))
        _require_one(jobs)
        answered = fleet.ask(jobs, folder, progress)
    return Fleet(subject=f"{candidate} against {baseline}", members=tuple(_member(one, _compared) for one in answered))


def run(
    recipe: str, name: str, members: Sequence[Device], options: Sequence[str], folder: Path, progress: Progress
) -> Fleet:
    """Go the whole road of a recipe for one device after the other, each in a run folder of its own.

    `options` are those of `l0gm-edge run`. Stages that another device's run has finished, and that would come out the
    same, are taken over. Raises what `fleet.ask` raises.
    """
    jobs = [
        Job(
            one.hardware,
            name,
            ("run", recipe, "--hardware", one.named, "--out", str(folder / one.hardware.name), *options, *_waiting()),
            inputs=None,
        )
        for one in members
    ]
    others = [folder / one.hardware.name for one in members]
    answered = fleet.ask(jobs, folder, progress, before=lambda job: take_over(folder / job.hardware.name, others))
    return Fleet(subject=name, members=tuple(_member(one, _ran) for one in answered))


def take_over(mine: Path, others: Sequence[Path]) -> None:
    """Copy learned stages that `mine`, a run folder, lacks from the first that has them; a run makes again what
    differs."""
    for stage in SHARED:
        held = next((one for one in others if one != mine and (one / stage / store.RECORD).is_file()), None)
        if held is not None and not (mine / stage).exists():
            shutil.copytree(held / stage, mine / f"{stage}{store.TEMPORARY}", dirs_exist_ok=True)
            (mine / f"{stage}{store.TEMPORARY}").rename(mine / stage)


def _profile_job(source: Source, device: Device, options: Sequence[str]) -> Job:
    made = source.contender
    arguments = ("profile", str(source.path), "--hardware", device.named, *options, *_waiting())
    judged_afterwards = device.hardware.model_copy(update={"budgets": Budgets()})
    inputs = _inputs(judged_afterwards, options) | {"model": made.sha256}
    return Job(device.hardware, source.path.name, arguments, inputs)


def _sources(stack: ExitStack, text: str, hardware: HardwareProfile) -> tuple[tuple[Source, ...], str]:
    """The models that an argument names for a device; or why it can run none."""
    try:
        return stack.enter_context(opened(text, hardware)), ""
    except RefusedInput as error:
        return (), error.what


def _require_one(jobs: Sequence[Job]) -> None:
    if jobs and all(job.refused for job in jobs):
        raise RefusedInput(
            "no device can do this:\n" + "\n".join(f"{job.hardware.name}: {job.refused}" for job in jobs)
        )


def _inputs(hardware: HardwareProfile, options: Sequence[str]) -> dict[str, str]:
    tools = environment.tool_versions().get("l0gm-edge", "")
    return {
        "hardware": store.value_sha256(hardware),
        "options": store.text_sha256("\n".join(options)),
        "code": store.text_sha256(tools + source_sha256(SOURCES)),
    }


def _digest(sources: Sequence[Source]) -> str:
    return store.text_sha256("\n".join(one.contender.model_dump_json() for one in sources))


def _waiting() -> tuple[str, str]:
    return ("--wait", f"{devices.patience_s():g}")


def _member(one: Answered, found: Callable[[Member, Answered], Member]) -> Member:
    plain = Member(
        hardware=one.job.hardware.name,
        title=one.job.hardware.title,
        subject=one.job.name,
        exit_status=one.answer.status,
        said=one.answer.error,
        reused=one.reused,
    )
    if plain.said:
        return plain
    try:
        return found(plain, one)
    except ValidationError as error:
        said = f"its answer makes no sense: {error.title}"
        return plain.model_copy(update={"exit_status": DeviceFailed.exit_status, "said": said})


def _profiled(plain: Member, one: Answered) -> Member:
    native = one.job.hardware.runner is not None
    found = (AggregateProfile if native else ModelProfile).model_validate_json(one.answer.text)
    verdicts = budgets(found, one.job.hardware)
    judged = [EXIT_STATUS[worst(verdicts)]] if verdicts else []
    status = worst_status([one.answer.status, *judged])
    kind = "aggregates" if native else "profile"
    return plain.model_copy(update={kind: found, "verdicts": verdicts, "exit_status": status})


def _ran(plain: Member, one: Answered) -> Member:
    report = Report.model_validate_json(one.answer.text)
    of_run = tuple(verdict for verdict in report.verdicts if verdict.artifact is None)
    return plain.model_copy(update={"report": report, "verdicts": of_run})


def _compared(plain: Member, one: Answered) -> Member:
    comparison = Comparison.model_validate_json(one.answer.text)
    verdicts = tuple(verdict for pair in comparison.pairs for verdict in pair.verdicts)
    return plain.model_copy(update={"comparison": comparison, "verdicts": verdicts})
