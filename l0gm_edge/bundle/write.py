"""Writing a bundle. The same contents give the same bytes, reports aside."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.backends import tensorrt
from l0gm_edge.bundle import consumers, metadata, sbom
from l0gm_edge.bundle.manifest import MANIFEST, File, Manifest, Model, ShippedForm
from l0gm_edge.core import arrays, store
from l0gm_edge.core.artifact import Artifact
from l0gm_edge.core.dataset import Normalization, Values
from l0gm_edge.core.engine import TENSORRT
from l0gm_edge.core.errors import DataError, RefusedInput
from l0gm_edge.core.finish import Finish
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe

Floats = NDArray[np.float32]
SAMPLES = "samples/inputs.npz"
CONSUMER = "consume.py"
SBOM = "sbom.cdx.json"
# The same file in the same runtime differs only by the processor's arithmetic; a rounding that falls the other way
# moves integer arithmetic by whole steps.
TOLERANCE = {"fp32": 1e-4, "fp16": 1e-2}
INTEGER_TOLERANCE = 5e-2


def tolerance(scheme: str) -> float:
    """How far outputs of a file in this scheme may be from those it gave on its device, relative to the largest."""
    return TOLERANCE.get(scheme, INTEGER_TOLERANCE)


@dataclass(frozen=True)
class Shipped:
    """One chosen model: its record, its file, its temperature, and its device's logits (n, classes) for the samples.

    `finish` is how it was finished, with its other forms in the folder `forms`; not every runtime has that.
    """

    artifact: Artifact
    source: Path
    temperature: float
    expected: Floats
    finish: Finish | None = None
    forms: Path = Path()


@dataclass(frozen=True)
class Contents:
    """Everything a bundle is made from. `samples[input]` is (n, *shape); `reports` is text by file name.

    `preprocess` tells in words how inputs are made from raw data, `normalization` in numbers where it is no more than
    that. There is no recipe when a person's own model was built without one.
    """

    name: str
    recipe: Recipe | None
    hardware: HardwareProfile
    labels: Sequence[str]
    preprocess: str
    samples: Mapping[str, Values]
    models: Sequence[Shipped]
    reports: Mapping[str, str]
    normalization: Mapping[str, Normalization] = field(default_factory=dict)


def write(contents: Contents, folder: Path) -> Manifest:
    """Write a bundle into a folder, the manifest last.

    Raises RefusedInput when there is no model, DataError when samples do not fit a model, IntegrityError when a model
    file is not the one its record tells of, MissingExtra, StorageFailed.
    """
    if not contents.models:
        raise RefusedInput("no artifact was chosen, so there is nothing to ship", todo="see the report's verdicts")
    sbom.require_installed()
    count = _sample_count(contents)
    with store.storage_errors(folder):
        for left_over in folder.rglob(".*.tmp"):  # of a run that was killed while writing
            left_over.unlink()
        files = {SAMPLES: _put(folder, SAMPLES, arrays.packed(dict(sorted(contents.samples.items()))))}
        files[CONSUMER] = _put(folder, CONSUMER, Path(__file__).with_name(CONSUMER).read_bytes())
        models = tuple(_model(shipped, contents.hardware) for shipped in contents.models)
        for shipped, model in zip(contents.models, models, strict=True):
            store.require_digest(shipped.source, shipped.artifact.sha256)
            told = metadata.Told(model, tuple(contents.labels), contents.preprocess, contents.normalization)
            files[model.path] = _put(folder, model.path, metadata.content(shipped.source, told))
            files[model.expected] = _put(folder, model.expected, _npy(shipped.expected))
            for name, path in _beside(shipped).items():
                files[name] = _put(folder, name, path.read_bytes())
            files |= _put_forms(folder, shipped)
        for name, text in consumers.sources(contents.labels, models).items():
            files[name] = _put(folder, name, text.encode())
        files[SBOM] = _put(folder, SBOM, sbom.render(contents.name, models, files).encode())
        reports = {name: _put(folder, name, text.encode()) for name, text in contents.reports.items()}
        unsigned = Manifest(
            name=contents.name,
            bundle_sha256="",
            recipe=contents.recipe,
            hardware=contents.hardware.shareable,
            labels=tuple(contents.labels),
            preprocess=contents.preprocess,
            normalization=dict(sorted(contents.normalization.items())),
            samples=SAMPLES,
            sample_count=count,
            models=models,
            files=dict(sorted(files.items())),
            reports=dict(sorted(reports.items())),
        )
        manifest = unsigned.model_copy(update={"bundle_sha256": unsigned.contents_sha256})
        store.write_text(folder / MANIFEST, manifest.text())
    return manifest


def require_place(folder: Path) -> None:
    """Raise RefusedInput unless a folder is free, or holds a bundle that may be replaced."""
    taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file())
    if taken:
        raise RefusedInput("something that is no bundle is there", where=str(folder), todo="choose another folder")


def replace(contents: Contents, folder: Path) -> Manifest:
    """Write a bundle beside a folder, then put it in the place of the bundle there, if any. Raises as `write` does."""
    require_place(folder)
    fresh = folder.with_name(f".{folder.name}{store.TEMPORARY}")
    with store.storage_errors(folder):
        shutil.rmtree(fresh, ignore_errors=True)
        manifest = write(contents, fresh)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
    return manifest


def _sample_count(contents: Contents) -> int:
    lengths = {len(values) for values in contents.samples.values()}
    lengths |= {len(shipped.expected) for shipped in contents.models}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError(f"samples and expected outputs have lengths {sorted(lengths)}", allowed="one length, above 0")
    if unknown := sorted(contents.normalization.keys() - contents.samples.keys()):
        raise DataError(f"there is a normalization for {', '.join(unknown)}", allowed=", ".join(contents.samples))
    for shipped in contents.models:
        for spec in shipped.artifact.inputs:
            found = contents.samples[spec.name].shape[1:] if spec.name in contents.samples else None
            if found != spec.shape[1:]:
                raise DataError(
                    f"the samples of input {spec.name} have shape {found}",
                    where=shipped.artifact.name,
                    allowed=f"{spec.shape[1:]}, as the model takes them",
                )
    return lengths.pop()


def _put_forms(folder: Path, shipped: Shipped) -> dict[str, File]:
    put = {}
    for form in shipped.finish.forms if shipped.finish else ():
        store.require_digest(shipped.forms / form.path, form.sha256)
        for name in filter(None, (form.path, form.operators)):
            put[f"models/{name}"] = _put(folder, f"models/{name}", (shipped.forms / name).read_bytes())
    return put


def _finished(shipped: Shipped, hardware: HardwareProfile) -> dict[str, Any]:
    """How a model of ONNX Runtime is opened, and in which other forms it lies here."""
    runtime = hardware.runtime(shipped.artifact.runtime)
    if shipped.finish is None or runtime is None:
        return {}
    forms = tuple(
        ShippedForm(
            kind=form.kind,
            path=f"models/{form.path}",
            level=form.level,
            architecture=form.architecture,
            operators=f"models/{form.operators}" if form.operators else None,
        )
        for form in shipped.finish.forms
    )
    return {"providers": runtime.session.providers, "settings": shipped.finish.settings, "forms": forms}


def _model(shipped: Shipped, hardware: HardwareProfile) -> Model:
    artifact = shipped.artifact
    return Model(
        name=artifact.name,
        runtime=artifact.runtime,
        scheme=artifact.scheme,
        path=f"models/{artifact.name}{shipped.source.suffix}",
        measured_sha256=artifact.sha256,
        inputs=artifact.inputs,
        outputs=artifact.outputs,
        temperature=shipped.temperature,
        expected=f"samples/expected-{artifact.name}.npy",
        tolerance=tolerance(artifact.scheme),
        tools=artifact.tools,
        **_finished(shipped, hardware),
    )


def _beside(shipped: Shipped) -> dict[str, Path]:
    """What a device builds TensorRT's engine from beside the model, by where it goes."""
    if shipped.artifact.runtime != TENSORRT:
        return {}
    endings = (tensorrt.DESCRIPTION, tensorrt.CALIBRATION)
    found = {ending: shipped.source.with_suffix(ending) for ending in endings}
    return {f"models/{shipped.artifact.name}{ending}": path for ending, path in found.items() if path.is_file()}


def _put(folder: Path, name: str, content: bytes) -> File:
    store.write_bytes(folder / name, content)
    return File(sha256=store.file_sha256(folder / name), bytes=len(content))


def _npy(values: Floats) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
