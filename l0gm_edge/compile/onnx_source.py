"""An .onnx file from outside, looked through before any runtime sees it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import defs, numpy_helper

from l0gm_edge.compile.sound_weights import require_finite
from l0gm_edge.core.errors import RefusedInput

LARGEST_FILE = 2**31 - 1
"""Bytes of a protobuf message, by its own format."""
LARGEST = 8 * 2**30
"""Bytes of all weights."""
OWN_DOMAINS = ("", "ai.onnx")
MORE_DOMAINS = ("com.microsoft",)
"""Operators that ONNX Runtime brings beside the standard ones; whether it has one is known when it loads the file."""
DEEPEST = 32
MOST_NODES = 1_000_000


def read(path: Path) -> onnx.ModelProto:
    """The model, with every weight inside it and its local functions in line.

    Raises RefusedInput, by name, for a file that is cut short, weights that lie outside its folder or are not as long
    as their shapes say, weights that are not finite, operator sets and operators that this onnx does not know, graphs
    without inputs or outputs, and functions that call themselves.
    """
    model = _parsed(path)
    _require_opsets(model, path)
    functions = {(one.domain, one.name): one for one in model.functions}
    _require_no_circle(functions, path)
    for graph in _graphs(model.graph, path, 0):
        _require_operators(graph.node, model, functions, path)
    for function in model.functions:
        _require_operators(function.node, model, functions, path)
    _require_graph(model.graph, path)
    room = LARGEST
    for graph in _graphs(model.graph, path, 0):
        for tensor in _tensors(graph):
            room -= _load(tensor, path, room)
    require_finite(_floats(model.graph, path), path)
    return _in_line(model, path)


def refused(path: Path, why: str, todo: str | None = None) -> RefusedInput:
    """The refusal of a file."""
    return RefusedInput(f"not an ONNX model that can be used: {why}", where=str(path), todo=todo)


def _parsed(path: Path) -> onnx.ModelProto:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise RefusedInput("there is no such model file", where=str(path)) from error
    if not path.is_file() or size > LARGEST_FILE:
        raise refused(path, f"{size:,} bytes; a protobuf file has at most {LARGEST_FILE:,}", "keep weights beside it")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise refused(path, "it cannot be parsed: it is cut short, or something else") from error
    if not _is_text(model):
        raise refused(path, "a name in it is no text")
    if not model.ir_version or not model.opset_import:
        raise refused(path, "it lacks a version or an operator set")
    if model.ir_version > onnx.IR_VERSION:
        raise refused(path, f"IR version {model.ir_version}; onnx {onnx.__version__} knows up to {onnx.IR_VERSION}")
    return model


def _is_text(message: Message) -> bool:
    """Whether every text of a message, and of those inside it, is UTF-8; protobuf hands others out as bytes."""
    for field, value in message.ListFields():
        values = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else (value,)
        if field.type == field.TYPE_STRING and not all(isinstance(one, str) for one in values):
            return False
        if field.type == field.TYPE_MESSAGE and not all(map(_is_text, values)):
            return False
    return True


def _require_opsets(model: onnx.ModelProto, path: Path) -> None:
    newest = defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in OWN_DOMAINS and not 1 <= opset.version <= newest:
            raise refused(
                path,
                f"operator set {opset.version}; onnx {onnx.__version__} knows 1 to {newest}",
                f"export it with opset_version={min(newest, 20)}",
            )
    if not any(opset.domain in OWN_DOMAINS for opset in model.opset_import):
        raise refused(path, "it uses no standard operator set")


def _require_operators(
    nodes: list[onnx.NodeProto], model: onnx.ModelProto, functions: dict[tuple[str, str], object], path: Path
) -> None:
    version = next(opset.version for opset in model.opset_import if opset.domain in OWN_DOMAINS)
    for node in nodes:
        domain = "" if node.domain in OWN_DOMAINS else node.domain
        if (node.domain, node.op_type) in functions or domain in MORE_DOMAINS:
            continue
        name = f"{domain}.{node.op_type}" if domain else node.op_type
        if domain:
            raise refused(
                path,
                f"operator {name} of another domain (node '{node.name}')",
                "express it in standard operators, or export the model to .pt2 instead",
            )
        try:
            schema = defs.get_schema(node.op_type, version, "")
        except (defs.SchemaError, UnicodeError):
            schema = None
        if schema is None or schema.deprecated:
            raise refused(path, f"there is no operator {name} in operator set {version} (node '{node.name}')")


def _require_no_circle(functions: dict[tuple[str, str], onnx.FunctionProto], path: Path) -> None:
    """No function calls itself, not even through others, and none grows out of bounds when put in line."""
    open_ones: list[tuple[str, str]] = []
    sizes: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str]) -> int:
        if key not in functions:
            return 1
        if key in open_ones or len(open_ones) > DEEPEST:
            raise refused(path, f"function {'.'.join(key)} calls itself, or lies too deep")
        if key not in sizes:
            open_ones.append(key)
            sizes[key] = sum(size((node.domain, node.op_type)) for node in functions[key].node)
            open_ones.pop()
        return sizes[key]

    if sum(map(size, functions)) > MOST_NODES:
        raise refused(path, f"its functions hold more than {MOST_NODES:,} operators")


def _require_graph(graph: onnx.GraphProto, path: Path) -> None:
    known = {tensor.name for tensor in graph.initializer}
    if not graph.node or not graph.output or not any(value.name not in known for value in graph.input):
        raise refused(path, "it lacks operators, inputs or outputs")


def _graphs(graph: onnx.GraphProto, path: Path, depth: int) -> Iterator[onnx.GraphProto]:
    """The graph and those inside its control flow."""
    if depth > DEEPEST:
        raise refused(path, "its control flow lies too deep")
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():
                yield from _graphs(inner, path, depth + 1)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Weights and constants; sparse ones by their values and indices."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _load(tensor: onnx.TensorProto, path: Path, room: int) -> int:
    """Bring a tensor's bytes into the model, as many as its shape needs; returns how many."""
    if any(size < 0 for size in tensor.dims) or tensor.data_type not in onnx.TensorProto.DataType.values():
        raise refused(path, f"tensor '{tensor.name}' has shape {list(tensor.dims)[:8]} or an unknown type")
    needed = math.prod(tensor.dims) * _bits(tensor.data_type) // 8
    if needed > room:
        raise refused(path, f"tensor '{tensor.name}' of shape {list(tensor.dims)[:8]} is absurdly large")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor.raw_data = _outside(tensor, path, needed)
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.ClearField("external_data")
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, RuntimeError, OverflowError, IndexError) as error:
        raise refused(path, f"tensor '{tensor.name}' does not hold what its shape says ({error})") from error
    return int(values.nbytes)


def _bits(kind: int) -> int:
    """Bits of an element in the file; text counts as bytes."""
    name = onnx.TensorProto.DataType.Name(kind)
    if name in ("STRING", "UNDEFINED"):
        return 8
    if name[-1:] in "24" and "INT" in name and not name.endswith("64"):
        return int(name[-1])
    return int(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize * 8)


def _outside(tensor: onnx.TensorProto, path: Path, needed: int) -> bytes:
    """The bytes of a weight that lies in another file of the model's folder."""
    noted = {entry.key: entry.value for entry in tensor.external_data}
    location, folder = noted.get("location", ""), path.parent.resolve()
    try:
        target = (folder / location).resolve()
        offset, length = int(noted.get("offset", 0)), int(noted.get("length", needed))
        inside = location and not Path(location).is_absolute() and target.is_relative_to(folder)
    except (ValueError, OSError) as error:
        raise refused(path, f"the place of weight '{tensor.name}' makes no sense ({error})") from error
    if not inside or "\\" in location:
        raise refused(path, f"weight '{tensor.name}' lies outside the model's folder: {location[:80]!r}")
    if not target.is_file():
        raise refused(path, f"weight '{tensor.name}' lies in {location!r}, which is not there", "copy that file too")
    if offset < 0 or length != needed or offset + length > target.stat().st_size:
        raise refused(path, f"weight '{tensor.name}' needs {needed:,} bytes of {location!r}, which does not hold them")
    with target.open("rb") as file:
        file.seek(offset)
        content: bytes = file.read(length)
        return content


def _floats(graph: onnx.GraphProto, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    for inner in _graphs(graph, path, 0):
        for tensor in _tensors(inner):
            if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE):
                yield tensor.name, numpy_helper.to_array(tensor)


def _in_line(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    if not model.functions:
        return model
    from onnx import inliner  # its loading takes a while, and few models have functions

    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # C++ says what is wrong in many kinds
        raise refused(path, f"its functions cannot be put in line: {str(error)[:200]}") from error
