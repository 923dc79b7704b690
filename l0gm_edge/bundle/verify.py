"""Verifying a bundle: every digest first, then every model run on the samples."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.bundle import integrity, signature
from l0gm_edge.bundle.manifest import Manifest, Model
from l0gm_edge.bundle.replay import replay
from l0gm_edge.core.errors import IntegrityError, MissingExtra, ToolFailed
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Status, Verdict

Runner = Callable[[Path, Model], NDArray[np.float32]]


class Verification(Value):
    """A bundle that is intact, whose public key signed it (hex; null for nobody), a verdict on each model file."""

    name: str
    bundle_sha256: str
    files: int
    signed_by: str | None
    verdicts: tuple[Verdict, ...]


def verify(folder: Path, run: Runner = replay, public_key: Path | None = None) -> Verification:
    """Check every digest of a bundle, then run each model on the samples and compare with the expected outputs.

    A model whose runtime is not installed here is INCONCLUSIVE. Raises RefusedInput when the folder is no bundle or the
    key no key, IntegrityError when anything in it was changed, added or taken away, or when it is not signed with the
    private part of the `public_key` given; MissingExtra when a signature cannot be checked here.
    """
    manifest = integrity.read(folder)
    integrity.require_intact(folder, manifest)
    signed_by = signature.signer(folder, public_key)
    _require_plain_samples(folder / manifest.samples)
    return Verification(
        name=manifest.name,
        bundle_sha256=manifest.bundle_sha256,
        files=len(manifest.files) + len(manifest.reports),
        signed_by=signed_by,
        verdicts=tuple(_replayed(folder, manifest, one, run) for model in manifest.models for one in _each(model)),
    )


def _each(model: Model) -> Iterator[Model]:
    """The model as each of its files gives it; a form bears the name of its file."""
    yield model
    for form in model.forms:
        yield model.model_copy(update={"path": form.path, "name": form.path.partition("/")[2]})


def _require_plain_samples(path: Path) -> None:
    """A compressed member could unpack to any size."""
    try:
        with zipfile.ZipFile(path) as archive:
            plain = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise IntegrityError("the samples are no .npz file", where=str(path)) from error
    if not plain:
        raise IntegrityError("the samples are compressed", where=str(path), allowed="stored members only")


def _replayed(folder: Path, manifest: Manifest, model: Model, run: Runner) -> Verdict:
    try:
        found = run(folder, model)
    except MissingExtra as error:
        return _verdict(model, Status.INCONCLUSIVE, f"{error.what} ({error.todo})")
    except ToolFailed as error:
        return _verdict(model, Status.FAIL, error.what)
    expected = np.load(folder / model.expected, mmap_mode="r", allow_pickle=False)
    shape = (manifest.sample_count, len(manifest.labels))
    if found.shape != shape or expected.shape != shape:
        return _verdict(model, Status.FAIL, f"outputs have shape {found.shape}, expected {expected.shape}, not {shape}")
    scale = float(np.abs(expected).max()) or 1.0
    difference = float(np.abs(found - expected).max()) / scale
    if not np.isfinite(difference):
        return _verdict(model, Status.FAIL, "outputs hold NaN or infinity")
    status = Status.PASS if difference <= model.tolerance else Status.FAIL
    told = f"outputs of {len(found)} samples differ by at most {difference:.2g} of their scale; "
    return _verdict(model, status, f"{told}{model.tolerance:.0e} is allowed", difference)


def _verdict(model: Model, status: Status, reason: str, value: float | None = None) -> Verdict:
    return Verdict(
        check="samples",
        artifact=model.name,
        status=status,
        value=value,
        limit=model.tolerance,
        unit="of output scale",
        reason=reason,
    )
