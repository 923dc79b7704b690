"""A bundle of small compiled models, for every runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import compiled
import file_artifact
from synthetic import hardware, recipe

from l0gm_edge import backends
from l0gm_edge.backends import onnxruntime
from l0gm_edge.bundle.write import Contents, Shipped
from l0gm_edge.core.finish import Finish, Form, FormKind, Level
from l0gm_edge.core.opening import Settings
from l0gm_edge.core.store import file_sha256

ROWS = compiled.inputs(6, seed=4)
LABELS = ("café", 'a "b"\\', "$c??/\n")
RUNTIMES = ("onnxruntime", "tflite")
OWN = Settings()


def shipped(runtime: str, scheme: str) -> Shipped:
    """A compiled model with torch's outputs as the expected ones."""
    return of_file(compiled.files(runtime)[scheme], runtime, scheme)


def of_file(path: Path, runtime: str, scheme: str) -> Shipped:
    """A model file of the small network."""
    facts = backends.plugin(runtime).inspect(path)
    artifact = file_artifact.of_file(
        path,
        name=f"compressed-{runtime}-{scheme}",
        runtime=runtime,
        scheme=scheme,
        inputs=facts.inputs,
        outputs=facts.outputs,
        recipe_sha256="0" * 64,
        tools={runtime: "1.0"},
        ops=facts.ops,
    )
    return Shipped(artifact, path, 1.5, compiled.outputs(ROWS))


def finished(shipped: Shipped, folder: Path, source: Path | None = None, settings: Settings = OWN) -> Shipped:
    """An .onnx file with its other forms, `NAME.optimized.*`, made from `source` (by default, the file itself)."""
    name = shipped.artifact.name
    paths = {kind: folder / f"{name}.optimized.{kind}" for kind in FormKind}
    operators = folder / f"{name}.config"
    onnxruntime.optimize(
        source or shipped.source,
        Level.EXTENDED,
        arm=False,
        as_onnx=paths[FormKind.ONNX],
        as_ort=paths[FormKind.ORT],
        operators=operators,
    )
    forms = tuple(
        Form(
            kind=kind,
            path=path.name,
            sha256=file_sha256(path),
            size_bytes=path.stat().st_size,
            level=Level.EXTENDED,
            architecture="x86",
            operators=operators.name if kind is FormKind.ORT else None,
            difference=0.0,
        )
        for kind, path in paths.items()
    )
    return replace(shipped, finish=Finish(artifact=name, settings=settings, forms=forms), forms=folder)


def contents(models: Sequence[Shipped], labels: Sequence[str] = ("a", "b", "c")) -> Contents:
    """Everything a bundle of these models is made from."""
    return Contents("made-up", recipe(), hardware(), labels, "as they come", ROWS, models, {})
