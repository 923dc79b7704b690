"""What can be said of a TensorRT engine: the file it is made from, what a front end makes of that, and its layers."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.backends import tensorrt
from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, FrontEnd
from l0gm_edge.core.engine_layers import precision_verdict, read_layers
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.ondevice import tensorrt_build, trtexec

_STATUS = {Answer.BUILT: Status.PASS, Answer.REFUSED: Status.FAIL, Answer.NOT_VERIFIED: Status.INCONCLUSIVE}


class EngineJudgement(Value):
    """The description of a file, what was found of it and of the engine built from it, and what builds one."""

    description: EngineDescription
    verdicts: tuple[Verdict, ...]
    trtexec: tuple[str, ...] = ()


def judge(model: Path, settings: EngineSettings, layers: Path | None, version: str | None) -> EngineJudgement:
    """Lint, front end and, where an inspector's JSON is given, the precision of every heavy node.

    `version` is that of the trtexec whose options are asked for. Raises MissingExtra, or RefusedInput also where the
    settings do not allow that version.
    """
    if version is not None:
        _require_allowed(settings, version)
    description = tensorrt.describe(model, "as it is", settings)
    verdicts = [_lint(tensorrt.problems(model), description), _front_end(description.front_end, description)]
    if layers is not None:
        verdicts.append(precision_verdict(description.precisions, read_layers(_text(layers)), description.model))
    stem = model.name.removesuffix(".onnx")
    files = f"{stem}.engine", f"{stem}.cache"
    options = trtexec.build_options(description.model, settings.model_dump(), version, *files) if version else []
    return EngineJudgement(description=description, verdicts=tuple(verdicts), trtexec=tuple(options))


def _require_allowed(settings: EngineSettings, version: str) -> None:
    try:
        refused = tensorrt_build.why_not(settings.model_dump(), version)
    except ValueError as error:
        refused = str(error)
    if refused:
        what, _, allowed = refused.partition("; allowed: ")
        raise RefusedInput(what, allowed=allowed)


def _lint(problems: tuple[str, ...], description: EngineDescription) -> Verdict:
    return Verdict(
        check="lint",
        artifact=description.model,
        status=Status.FAIL if problems else Status.PASS,
        value=float(len(problems)),
        limit=0.0,
        unit="problems",
        reason="; ".join(problems) or "it breaks none of the rules for TensorRT 10 and 11",
        evidence=(description.sha256,),
    )


def _front_end(said: FrontEnd, description: EngineDescription) -> Verdict:
    return Verdict(
        check="front_end",
        artifact=description.model,
        status=_STATUS[said.answer],
        reason=f"{said.by}: {said.reason}" if said.by else said.reason,
        evidence=(description.sha256,),
    )


def _text(layers: Path) -> str:
    try:
        return layers.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RefusedInput(f"cannot be read: {error.strerror}", where=str(layers)) from error
