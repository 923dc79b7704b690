"""What releases of TFLite refuse or compute wrongly without a word: one function a rule.

Sources: what tflite-runtime 2.14 and LiteRT 1.0 to 2.3 did with files of our own quantizer; `_tflite_versions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from l0gm_edge.compile.rules import Target, _tflite_versions
from l0gm_edge.compile.rules._tflite_versions import RELEASES, UP_TO
from l0gm_edge.core.problem import Problem

OTHER_SCHEME = "take another scheme, or a newer runtime"
OTHER_LAYER = "write the layer in other operations, or take a newer runtime"
BY_CHANNEL = frozenset({"FULLY_CONNECTED", "EMBEDDING_LOOKUP"})


@dataclass(frozen=True)
class Operator:
    """One operator: its name and version, that of its output, and its tensors as the schema holds them."""

    name: str
    version: int
    label: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


Rule = Callable[[Operator, int], Iterator[tuple[str, str]]]
"""From an operator and a place among RELEASES to what is wrong and the way out."""


def problems(model: Path, target: Target) -> tuple[Problem, ...]:
    """As `Rules.problems`; operators that break a rule alike share one. Raises RefusedInput for what is no model."""
    from l0gm_edge.backends import _tflite_file  # imports ai_edge_litert

    operators = tuple(_operators(_tflite_file.read(model)))
    release = _release(target)
    found = [
        (rule.__name__.replace("_", "-"), *answer, one.label)
        for rule in RULES
        for one in operators
        for answer in rule(one, release)
    ]
    return tuple(
        Problem(rule=rule, node=_named([label for *_, label in group]), what=what, todo=todo)
        for (rule, what, todo), group in groupby(sorted(found), key=lambda one: one[:3])
    )


def operator(one: Operator, release: int) -> Iterator[tuple[str, str]]:
    """Every operator is one of the oldest release: none of TensorFlow (Flex), none of somebody else's, none newer."""
    kind, _, name = one.name.partition(".")
    if kind == "custom" and name.startswith("Flex"):
        yield f"{name} is TensorFlow's, which the runtime does not bring", OTHER_LAYER
    elif name:
        yield f"{one.name} is not a built-in operator of the runtime", OTHER_LAYER
    elif _newest(one, release) == 0:
        yield f"{RELEASES[release]} has no {one.name}", OTHER_LAYER


def operator_version(one: Operator, release: int) -> Iterator[tuple[str, str]]:
    """Every operator is of a version that the oldest release runs."""
    newest = _newest(one, release)
    if 0 < newest < one.version:
        yield f"{one.name} is of version {one.version}, {RELEASES[release]} runs up to {newest}", OTHER_SCHEME


def four_bits(one: Operator, release: int) -> Iterator[tuple[str, str]]:
    """No weights of 4 bits for tflite-runtime: most operators refuse them, small FULLY_CONNECTED read them wrongly."""
    from ai_edge_litert.schema_py_generated import TensorType

    if release == 0 and any(tensor.type == TensorType.INT4 for tensor in one.inputs):
        yield f"{one.name} has weights of 4 bits, which {RELEASES[0]} refuses or reads wrongly", OTHER_SCHEME


def scale_per_channel(one: Operator, release: int) -> Iterator[tuple[str, str]]:
    """No scale a channel where activations are floats, for tflite-runtime: it takes one for all, in silence."""
    from ai_edge_litert.schema_py_generated import TensorType

    in_floats = any(tensor.type == TensorType.FLOAT32 for tensor in one.outputs)
    if release == 0 and one.name in BY_CHANNEL and in_floats and any(map(_has_scales, one.inputs)):
        what = f"{one.name} has a scale for each channel, and {RELEASES[0]} computes with a single one"
        yield what, "quantize its weights with one scale"


RULES: tuple[Rule, ...] = (operator, operator_version, four_bits, scale_per_channel)


def _newest(one: Operator, release: int) -> int:
    """The newest version of an operator that a release runs; its own where all run the same."""
    return UP_TO[one.name][release] if one.name in UP_TO else one.version


def _has_scales(tensor: Any) -> bool:
    from ai_edge_litert.schema_py_generated import TensorType

    quantization = tensor.quantization
    scales = quantization.scale if quantization is not None and quantization.scale is not None else ()
    return tensor.type == TensorType.INT8 and len(scales) > 1


def _release(target: Target) -> int:
    """The oldest release that the file has to run on."""
    newest = len(RELEASES) - 1
    asked = _tflite_versions.oldest(target.versions) if target.versions is not None else newest
    there = _tflite_versions.installed(*target.found) if target.found is not None else newest
    return min(asked, there)


def _operators(model: Any) -> Iterator[Operator]:
    from l0gm_edge.backends import _tflite_file

    for graph in model.subgraphs:
        for one in graph.operators:
            yield Operator(
                name=_tflite_file.op_name(model, one),
                version=model.operatorCodes[one.opcodeIndex].version,
                label=graph.tensors[one.outputs[0]].name.decode(errors="replace") if len(one.outputs) else "model",
                inputs=tuple(graph.tensors[index] for index in one.inputs if index >= 0),
                outputs=tuple(graph.tensors[index] for index in one.outputs if index >= 0),
            )


def _named(labels: list[str]) -> str:
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{labels[0]}{more}"
