"""Code that runs a bundle's models in an app, written for their inputs and outputs: C++ and Kotlin (Android).

The Python consumer needs no writing: `consume.py` reads the manifest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from l0gm_edge.bundle.manifest import Model
from l0gm_edge.core.artifact import TensorSpec

TEMPLATES = Path(__file__).with_name("templates")
COMMON = ("cpp/CMakeLists.txt", "cpp/classifier.cpp", "cpp/classifier.hpp", "cpp/main.cpp")
KOTLIN_KEYWORDS = """
    as break class continue do else false for fun if in interface is null object package return super this throw true
    try typealias typeof val var when while
"""


@dataclass(frozen=True)
class Element:
    """How a tensor's numbers are called: by ONNX Runtime, as a Kotlin array, as the view of a ByteBuffer that takes it
    (empty: the buffer itself)."""

    bytes: int
    onnx: str
    kotlin: str
    view: str


ELEMENTS: Mapping[str, Element] = {
    "float32": Element(4, "FLOAT", "FloatArray", "Float"),
    "int32": Element(4, "INT32", "IntArray", "Int"),
    "int64": Element(8, "INT64", "LongArray", "Long"),
    "int16": Element(2, "INT16", "ShortArray", "Short"),
    "int8": Element(1, "INT8", "ByteArray", ""),
    "uint8": Element(1, "UINT8", "ByteArray", ""),
}


@dataclass(frozen=True)
class Parameter:
    """An input and its name as a Kotlin parameter."""

    parameter: str
    spec: TensorSpec


def sources(labels: Sequence[str], models: Sequence[Model]) -> dict[str, str]:
    """Source text by path in the bundle.

    Only for models that take `ELEMENTS` and whose first output is a score for each label, in float32 or in int8 that
    stands for it.
    """
    written = [model for model in models if _is_plain(model, len(labels))]
    found: dict[str, str] = {}
    for model in written:
        given = {"model": model, "output": model.outputs[0], "labels": labels}
        for path, template in _templates(model):
            package = re.sub(r"\W", "_", model.name)
            file = PurePosixPath(model.path).name
            parameters = _parameters(model.inputs)
            found[path] = _render(template, **given, package=package, file=file, parameters=parameters)
    if any(path.startswith("cpp/") for path in found):
        in_cpp = [model for model in written if f"cpp/{model.name}.cpp" in found]
        found |= {path: _render(_template(path), models=in_cpp, labels=labels) for path in COMMON}
    return found


def _is_plain(model: Model, classes: int) -> bool:
    scores = model.outputs[0]
    gives_scores = scores.dtype == "float32" or (scores.dtype == "int8" and scores.quantization is not None)
    return gives_scores and _count(scores) == classes and all(spec.dtype in ELEMENTS for spec in model.inputs)


def _templates(model: Model) -> Iterator[tuple[str, str]]:
    """Where the code for a model goes, and the template of its runtime, for each language that has one."""
    for language, suffix in (("cpp", "cpp"), ("kotlin", "kt")):
        template = f"{language}/{model.runtime}.{suffix}.jinja"
        if (TEMPLATES / template).is_file():
            yield f"{language}/{model.name}.{suffix}", template


def _template(path: str) -> str:
    return path if (TEMPLATES / path).is_file() else f"{path}.jinja"


def _parameters(inputs: Sequence[TensorSpec]) -> list[Parameter]:
    """Every input with a name that Kotlin takes, each another one."""
    taken: set[str] = set()
    found = []
    for spec in inputs:
        name = re.sub(r"[^A-Za-z0-9_]", "_", spec.name)
        name = f"in_{name}" if not name[:1].isalpha() else name
        while name in taken or name in KOTLIN_KEYWORDS.split():
            name += "_"
        taken.add(name)
        found.append(Parameter(name, spec))
    return found


def _render(template: str, **given: object) -> str:
    return _environment().get_template(template).render(given)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - source code, no HTML; its own filters escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cpp=_cpp, kotlin=_kotlin, element=_element, count=_count, bytes=_bytes, affine=_affine)
    return environment


def _cpp(text: str) -> str:
    r"""A C++ string: other characters than printable ASCII as three octal digits a byte, `?` too (no trigraphs)."""
    plain = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode())
    return f'"{"".join(plain)}"'


def _kotlin(text: str) -> str:
    """A Kotlin string: other characters than printable ASCII, and those that mean something there, as UTF-16 units."""
    units = text.encode("utf-16-be")
    codes = (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    plain = (chr(code) if 32 <= code < 127 and chr(code) not in '"\\$' else f"\\u{code:04x}" for code in codes)
    return f'"{"".join(plain)}"'


def _element(spec: TensorSpec) -> Element:
    return ELEMENTS[spec.dtype]


def _affine(spec: TensorSpec) -> str:
    """Scale and zero point as two C++ numbers."""
    return f"{spec.quantization.scale}f, {spec.quantization.zero_point}" if spec.quantization else "0, 0"


def _count(spec: TensorSpec) -> int:
    return math.prod(spec.shape)


def _bytes(spec: TensorSpec) -> int:
    return _count(spec) * _element(spec).bytes
