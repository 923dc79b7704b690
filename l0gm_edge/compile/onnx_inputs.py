"""The inputs of a foreign ONNX graph: their free axes fixed, one row at a time, under names that Python can call."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import onnx

from l0gm_edge.compile.onnx_source import refused
from l0gm_edge.core.artifact import TensorSpec

Shape = tuple[int, ...]
MOST_ELEMENTS = 2**28
DTYPES = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT64: "int64"}
QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "QLinear", "Integer", "MatMulNBits")
SHORT = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


@dataclass(frozen=True)
class Fixed:
    """A graph that takes one row; its inputs, and, for ids (int64) that are looked up, how many rows the table has."""

    model: onnx.ModelProto
    inputs: tuple[TensorSpec, ...]
    below: Mapping[str, int]


def fix(model: onnx.ModelProto, shapes: Mapping[str, Shape], path: Path) -> Fixed:
    """A copy that takes one row, and gives class scores alone.

    The batch axis comes first and becomes 1. Every other free axis must be fixed by `shapes`; an axis of the same name
    counts as fixed with it. Raises RefusedInput for what cannot be fixed, inputs of other types than float32 and int64,
    graphs that are quantized already, and more outputs than one, unless one is named `logits`.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    graph = fixed.graph
    _require_float(graph, path)
    _keep_one_output(graph, path)
    constants = {tensor.name for tensor in graph.initializer}
    given = [value for value in graph.input if value.name not in constants]
    del graph.input[:]  # a weight among the inputs could be overridden; here it is a weight
    graph.input.extend(given)
    given = list(graph.input)
    graph.ClearField("value_info")  # shapes that were inferred for other sizes
    names = _callable_names([value.name for value in given])
    known = {**{names[name]: name for name in names}, **{name: name for name in names}}
    wanted = {known.get(name, name): shape for name, shape in shapes.items()}
    if foreign := sorted(set(wanted) - set(names)):
        raise refused(path, f"--shape names {', '.join(foreign)}; the model's inputs are {', '.join(names)}")
    axes = _named_axes(given, wanted, path)
    found = tuple(_fixed(value, wanted.get(value.name), axes, names[value.name], path) for value in given)
    tables = {names[value.name]: _table_rows(graph, value.name) for value in given}
    _rename(graph, names)
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    return Fixed(fixed, found, {name: rows for name, rows in tables.items() if rows is not None})


def set_output(model: onnx.ModelProto, shape: Shape) -> None:
    """Note the output's shape, which running the model has shown."""
    (output,) = model.graph.output
    for size in shape:
        output.type.tensor_type.shape.dim.add().dim_value = size


def _require_float(graph: onnx.GraphProto, path: Path) -> None:
    quantized = sorted({node.op_type for node in graph.node if any(mark in node.op_type for mark in QUANTIZED)})
    if quantized:
        raise refused(path, f"it is quantized already ({', '.join(quantized)})", "give the float32 model")
    for tensor in graph.initializer:
        if tensor.data_type in SHORT and math.prod(tensor.dims) > 1:
            kind = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
            raise refused(path, f"weight '{tensor.name}' is {kind}", "give the float32 model; schemes make it smaller")


def _keep_one_output(graph: onnx.GraphProto, path: Path) -> None:
    names = [output.name for output in graph.output]
    kept = [output for output in graph.output if output.name == "logits"] if len(names) > 1 else list(graph.output)
    if len(kept) != 1:
        raise refused(
            path,
            f"it has the outputs {', '.join(names[:8])}",
            "keep the class scores alone, with onnx.utils.extract_model, or name them 'logits'",
        )
    if kept[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise refused(path, f"its output '{kept[0].name}' is no float32", "give class scores (1, classes)")
    del graph.output[:]
    graph.output.extend(kept)


def _named_axes(given: list[onnx.ValueInfoProto], wanted: Mapping[str, Shape], path: Path) -> dict[str, int]:
    """Sizes of free axes by their names, as far as `wanted` fixes them."""
    axes: dict[str, int] = {}
    for value in given:
        dims = value.type.tensor_type.shape.dim
        shape = wanted.get(value.name)
        if shape is not None and len(shape) != len(dims):
            raise refused(path, f"--shape gives input '{value.name}' {len(shape)} axes, and it has {len(dims)}")
        for dim, size in zip(dims, shape or (), strict=False):
            if dim.dim_param and axes.setdefault(dim.dim_param, size) != size:
                raise refused(path, f"--shape gives axis '{dim.dim_param}' two sizes")
    return axes


def _fixed(
    value: onnx.ValueInfoProto, wanted: Shape | None, axes: Mapping[str, int], name: str, path: Path
) -> TensorSpec:
    kind = value.type.tensor_type
    if kind.elem_type not in DTYPES:
        found = onnx.TensorProto.DataType.Name(_kind(kind.elem_type)).lower()
        raise refused(path, f"input '{value.name}' is {found}", "cast inside the model: inputs are float32 or int64")
    if not kind.shape.dim:
        raise refused(path, f"input '{value.name}' has no axes", "give it a batch axis, which comes first")
    shape = tuple(
        _size(value.name, axis, dim, wanted[axis] if wanted else None, axes, path)
        for axis, dim in enumerate(kind.shape.dim)
    )
    if shape[0] != 1:
        raise refused(
            path, f"input '{value.name}' takes {shape[0]} rows at once", "export it with a batch of 1, or a free one"
        )
    if min(shape) < 1 or math.prod(shape) > MOST_ELEMENTS:
        raise refused(path, f"input '{value.name}' has the absurd shape {shape}")
    for dim, size in zip(kind.shape.dim, shape, strict=True):
        dim.dim_value = size
    return TensorSpec(name=name, shape=shape, dtype=DTYPES[_kind(kind.elem_type)])


def _kind(number: int) -> onnx.TensorProto.DataType:
    """A type that the file notes; `undefined` for numbers that stand for none."""
    known = number in onnx.TensorProto.DataType.values()
    return cast(onnx.TensorProto.DataType, number if known else onnx.TensorProto.UNDEFINED)


def _size(
    name: str, axis: int, dim: onnx.TensorShapeProto.Dimension, wanted: int | None, axes: Mapping[str, int], path: Path
) -> int:
    if dim.HasField("dim_value") and dim.dim_value > 0:
        if wanted not in (None, dim.dim_value):
            raise refused(path, f"--shape gives axis {axis} of '{name}' size {wanted}; the model fixes {dim.dim_value}")
        return int(dim.dim_value)
    if wanted is not None:
        return wanted
    if axis == 0:
        return 1
    if dim.dim_param in axes:
        return axes[dim.dim_param]
    raise refused(path, f"axis {axis} ('{dim.dim_param}') of input '{name}' is free", f"--shape {name}=1x...")


def _table_rows(graph: onnx.GraphProto, name: str) -> int | None:
    """How many rows the smallest table has that this input looks up."""
    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    same = {name}
    rows = []
    for node in graph.node:  # in the order of computation
        if node.op_type in ("Cast", "Identity") and node.input[0] in same:
            same.update(node.output)
        axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
        if node.op_type == "Gather" and node.input[1] in same and node.input[0] in sizes and axis == 0:
            rows.append(sizes[node.input[0]][0])
    return min(rows, default=None)


def _callable_names(names: list[str]) -> dict[str, str]:
    """`input.1` -> `input_1`: runtimes keep names, and torch calls by them."""
    made: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"input_{plain}"
        while plain in made.values() or (plain != name and plain in names):
            plain += "_"
        made[name] = plain
    return made


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    changed = {old: new for old, new in names.items() if old != new}
    if not changed:
        return
    for value in graph.input:
        value.name = changed.get(value.name, value.name)
    for old, new in changed.items():  # one Identity each keeps every other name, those inside control flow too
        graph.node.insert(0, onnx.helper.make_node("Identity", [new], [old], name=f"input/{new}"))
