"""What `compare` is given: a model file, a bundle, a run folder, or any of these as it stands at a git revision."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from l0gm_edge.bundle import integrity
from l0gm_edge.bundle.manifest import MANIFEST, Manifest, Model
from l0gm_edge.core import store
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.comparison import Contender, Scores
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import OwnData, Recipe
from l0gm_edge.core.report import Report
from l0gm_edge.measure.single import runtime_of

GIT = "git:"
REPORT = "report.json"
FORMS = "a model file, the folder of a bundle or a run, or git:REVISION:PATH of one of these"
LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Source:
    """A contender, its file, and of a bundle's model what it takes and the samples that go with it."""

    contender: Contender
    path: Path
    inputs: tuple[TensorSpec, ...] = ()
    samples: Path | None = None


@contextmanager
def opened(text: str, hardware: HardwareProfile) -> Iterator[tuple[Source, ...]]:
    """The models that an argument of `compare` names; those of a revision lie in a temporary folder meanwhile.

    Raises RefusedInput when it names none, or none that the profile can run; IntegrityError for a bundle that is not
    what its manifest says.
    """
    if not text.startswith(GIT):
        yield _sources(Path(text), text, hardware)
        return
    revision, _, name = text.removeprefix(GIT).partition(":")
    if not revision or not name or revision.startswith("-"):
        raise RefusedInput(f"'{text}' names no file of a revision", allowed="git:REVISION:PATH, git:v1.2:bundles/net")
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as folder:
        _check_out(revision, name, Path(folder))
        yield _sources(Path(folder) / name, text, hardware)


def paired(
    baseline: Sequence[Source], candidate: Sequence[Source]
) -> tuple[tuple[tuple[Source, Source], ...], tuple[str, ...]]:
    """Baseline and candidate for each runtime that both have, or of one model each, whatever it runs in; and what is
    left without a partner, in sentences. Raises RefusedInput when nothing can be paired."""
    if len(baseline) == len(candidate) == 1:
        return ((baseline[0], candidate[0]),), ()
    ours = {one.contender.runtime: one for one in candidate}
    theirs = {one.contender.runtime: one for one in baseline}
    both = [runtime for runtime in theirs if runtime in ours]
    if not both:
        raise RefusedInput(
            f"the baseline runs in {', '.join(theirs)}, the candidate in {', '.join(ours)}",
            allowed="two models or bundles that share a runtime, or one model each",
        )
    alone = [(name, "baseline") for name in theirs if name not in ours]
    alone += [(name, "candidate") for name in ours if name not in theirs]
    notes = tuple(f"{name}: only the {side} has a model for it, so it was not compared" for name, side in alone)
    return tuple((theirs[runtime], ours[runtime]) for runtime in both), notes


def _sources(path: Path, origin: str, hardware: HardwareProfile) -> tuple[Source, ...]:
    folder = next((one for one in (path, path / "bundle") if (one / MANIFEST).is_file()), None)
    if folder is None:
        if not path.is_file():
            raise RefusedInput("there is nothing to compare here", where=origin, allowed=FORMS)
        return (_of_file(path, origin, hardware),)
    manifest = integrity.read(folder)
    integrity.require_intact(folder, manifest)
    report = store.read_value(Report, folder / REPORT) if REPORT in manifest.reports else None
    names = {one.name for one in hardware.runtimes}
    found = tuple(
        _of_model(model, manifest, folder, origin, report) for model in manifest.models if model.runtime in names
    )
    if not found:
        held = ", ".join(model.runtime for model in manifest.models)
        raise RefusedInput(
            f"{hardware.name} cannot run any model of this bundle", where=origin, allowed=f"a device that has {held}"
        )
    return found


def _of_file(path: Path, origin: str, hardware: HardwareProfile) -> Source:
    runtime = runtime_of(path, hardware)
    with path.open("rb") as file:
        start = file.read(len(LFS))
    if start == LFS:
        raise RefusedInput("this is a git-lfs pointer, no model", where=origin, todo="git lfs pull, and name the file")
    size = path.stat().st_size
    if not size:
        raise RefusedInput("the file is empty", where=origin)
    made = Contender(name=path.stem, origin=origin, runtime=runtime, sha256=store.file_sha256(path), size_bytes=size)
    return Source(made, path)


def _of_model(model: Model, manifest: Manifest, folder: Path, origin: str, report: Report | None) -> Source:
    path, file = folder / model.path, manifest.files[model.path]
    made = Contender(
        name=model.name,
        origin=origin,
        runtime=model.runtime,
        sha256=file.sha256,
        size_bytes=file.bytes,
        scores=_scores(model, report) if report else None,
    )
    return Source(made, path, model.inputs, folder / manifest.samples)


def _scores(model: Model, report: Report) -> Scores | None:
    rows = (row for row in report.artifacts if row.name == model.name)
    return next((Scores(data=_data(report.recipe), accuracy=row.accuracy, ece=row.ece_scaled) for row in rows), None)


def _data(recipe: Recipe) -> str:
    return recipe.data.entry if isinstance(recipe.data, OwnData) else recipe.data.name


def _check_out(revision: str, name: str, folder: Path) -> None:
    """Put a file or folder of a revision of the repository around the current folder into another folder."""
    packed = folder / ".archive.tar"
    command = ["git", "archive", "--format=tar", f"--output={packed}", revision, "--", name]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RefusedInput("git is not installed, and a revision was named", where=revision) from error
    if ended.returncode:
        told = ended.stderr.strip().rpartition("\n")[2]
        raise RefusedInput(f"git cannot give {name} of {revision}: {told}", allowed="what git archive can reach here")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    packed.unlink()
