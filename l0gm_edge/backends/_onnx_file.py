"""ONNX files: what one says of itself, and what need not be shipped in it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import version_converter

from l0gm_edge.backends import ModelFacts
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.errors import RefusedInput

_NOTE = "l0gm_edge.note."
_DEFAULT_DOMAINS = ("", "ai.onnx")


def facts(path: Path) -> ModelFacts:
    """Inputs, outputs and operators; an operator of another domain carries it, as in `com.microsoft.FusedGemm`."""
    model = read(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    return ModelFacts(
        inputs=tuple(_spec(value, path) for value in model.graph.input if value.name not in constants),
        outputs=tuple(_spec(value, path) for value in model.graph.output),
        ops=dict(sorted(Counter(_op(node) for node in model.graph.node).items())),
        notes=tuple(prop.value for prop in model.metadata_props if prop.key.startswith(_NOTE)),
    )


def noted(model: onnx.ModelProto, notes: Sequence[str]) -> onnx.ModelProto:
    """A copy that carries notes on how it was made; ONNX Runtime passes them over."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for number, note in enumerate(notes, 1):
        copy.metadata_props.add(key=f"{_NOTE}{number}", value=note)
    return copy


def read(path: Path) -> onnx.ModelProto:
    """Parse a file without loading weights stored outside it. Raises RefusedInput when it is not an ONNX model."""
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError as error:
        raise RefusedInput("there is no such file", where=str(path)) from error
    except DecodeError as error:
        raise _refused(path, "it cannot be parsed") from error
    if not model.ir_version or not model.opset_import or not model.graph.node or not model.graph.output:
        raise _refused(path, "it lacks a graph or an operator set")
    return model


def named_by_module(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes are named after the torch modules they came from, such as `image.body.0`."""
    named = onnx.ModelProto()
    named.CopyFrom(model)
    taken: Counter[str] = Counter()
    for node in named.graph.node:
        name = _module(node) or node.op_type
        taken[name] += 1
        node.name = name if taken[name] == 1 else f"{name}#{taken[name]}"
    return named


def stripped(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without source paths, stack traces, inferred shapes and operator sets that no node uses."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    graph = bare.graph
    for part in (bare, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")
    bare.ClearField("functions")
    used = {node.domain for node in graph.node} | {""}
    kept = [opset for opset in bare.opset_import if opset.domain in used]
    bare.ClearField("opset_import")
    bare.opset_import.extend(kept)
    return bare


def at_opset(model: onnx.ModelProto, lowest: int) -> onnx.ModelProto:
    """The model in the standard operators of this version at least. Raises RefusedInput when it cannot be converted."""
    found = max((one.version for one in model.opset_import if one.domain in _DEFAULT_DOMAINS), default=0)
    if found >= lowest:
        return model
    try:
        converted: onnx.ModelProto = version_converter.convert_version(model, lowest)
    except Exception as error:  # the converter, written in C++, gives up in many ways
        raise RefusedInput(
            f"operators of version {found} cannot be converted to version {lowest}: {error}",
            todo=f"export the model with opset {lowest}, or drop the scheme from the hardware profile",
        ) from error
    converted.ir_version = max(converted.ir_version, onnx.helper.find_min_ir_version_for(converted.opset_import))
    return converted


def weights(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shape of every constant tensor, by name."""
    return {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}


def _module(node: onnx.NodeProto) -> str:
    """The module of a node's weight, or else the scope that torch's exporter noted."""
    owners: list[str] = [name.removesuffix(".weight") for name in node.input if name.endswith(".weight")]
    if owners:
        return owners[0]
    noted = (prop.value for prop in node.metadata_props if prop.key == "pkg.torch.onnx.name_scopes")
    scopes: Iterable[str] = ast.literal_eval(next(noted, "[]"))
    modules = [scope for scope in list(scopes)[:-1] if scope]
    return f"{modules[-1]}/{node.op_type}" if modules else ""


def _op(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in _DEFAULT_DOMAINS else f"{node.domain}.{node.op_type}"


def _spec(value: onnx.ValueInfoProto, path: Path) -> TensorSpec:
    tensor = value.type.tensor_type
    if not tensor.elem_type or any(not dimension.HasField("dim_value") for dimension in tensor.shape.dim):
        raise _refused(path, f"tensor {value.name} has no fixed shape and type")
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    return TensorSpec(name=value.name, shape=tuple(int(d.dim_value) for d in tensor.shape.dim), dtype=dtype)


def _refused(path: Path, why: str) -> RefusedInput:
    return RefusedInput(f"not an ONNX model that can be used: {why}", where=str(path), allowed="a whole .onnx file")
