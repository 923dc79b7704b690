"""The manifest of a bundle: what it holds, what it was made from, and the digest of every file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from l0gm_edge.core import store
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.dataset import Normalization
from l0gm_edge.core.finish import FormKind, Level
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.opening import Settings
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.session import Provider
from l0gm_edge.core.value import Value

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
LARGEST_FILE_BYTES = 4 * 2**30
MOST_FILES = 1000

# At most one folder deep, and no part begins with a dot: nothing here can point out of the bundle.
Inside = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$", max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class File(Value):
    """One file of the bundle."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0, le=LARGEST_FILE_BYTES)]


class ShippedForm(Value):
    """A model of ONNX Runtime once more, with its graph optimised ahead for an architecture (`arm` or `x86`).

    `operators` is the list of what a reduced build of the runtime needs.
    """

    kind: FormKind
    path: Inside
    level: Level
    architecture: str
    operators: Inside | None = None


class Model(Value):
    """One model file; `temperature` divides its logits before softmax, so that the confidence can be believed.

    `expected` holds the logits its device gave for the samples. Run again, also on another processor, they differ by at
    most `tolerance` times the largest of them, and so do those of its `forms`. A model of ONNX Runtime was measured
    with these `providers` and `settings`. `measured_sha256` is the digest of the file that was measured and
    judged; the one shipped is the same, or the same with its metadata written into it.
    """

    name: str
    runtime: str
    scheme: str
    path: Inside
    measured_sha256: Sha256
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    temperature: PositiveFloat
    expected: Inside
    tolerance: PositiveFloat
    tools: dict[str, str]
    providers: tuple[Provider, ...] = ()
    settings: Settings = Settings()
    forms: tuple[ShippedForm, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that holds it."""
        return (self.path, *(form.path for form in self.forms))


class Manifest(Value):
    """What is in a bundle.

    `bundle_sha256` stands for everything but `reports`, which hold timings: the same run gives the same bundle digest.
    """

    schema_version: Literal[1] = 1
    name: str
    bundle_sha256: str
    recipe: Recipe | None
    hardware: HardwareProfile
    labels: tuple[str, ...]
    preprocess: str
    normalization: dict[str, Normalization]
    samples: Inside
    sample_count: PositiveInt
    models: Annotated[tuple[Model, ...], Field(min_length=1)]
    files: Annotated[dict[Inside, File], Field(max_length=MOST_FILES)]
    reports: Annotated[dict[Inside, File], Field(max_length=MOST_FILES)]

    @model_validator(mode="after")
    def _names_only_its_own_files(self) -> Self:
        named = {self.samples}
        for model in self.models:
            named |= {*model.paths, model.expected, *(form.operators for form in model.forms if form.operators)}
        if missing := sorted(named - set(self.files)):
            raise ValueError(f"{', '.join(missing)} is named, but is no file of the bundle")
        if self.files.keys() & self.reports.keys() or {MANIFEST, SIGNATURE} & {*self.files, *self.reports}:
            raise ValueError("a file stands twice")
        return self

    @property
    def contents_sha256(self) -> str:
        """What `bundle_sha256` must be."""
        return store.text_sha256(self.model_dump_json(exclude={"bundle_sha256", "reports"}))

    def text(self) -> str:
        """The manifest as it is written, byte for byte."""
        return self.model_dump_json(indent=2) + "\n"
