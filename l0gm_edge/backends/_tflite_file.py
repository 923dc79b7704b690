"""TFLite files: what one says of itself, and names a person can read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from l0gm_edge.backends import ModelFacts
from l0gm_edge.core.artifact import Affine, TensorSpec
from l0gm_edge.core.errors import RefusedInput

_IDENTIFIER = b"TFL3"
INSIDE = 1
"""Offsets up to this one say that a buffer's content lies in the flatbuffer."""
LARGEST = 2**31
"""Bytes that a flatbuffer stays below."""


def _constants(holder: type) -> dict[int, str]:
    """Names of a schema enumeration, by number."""
    return {number: name for name, number in vars(holder).items() if not name.startswith("_")}


_OPERATORS = _constants(schema.BuiltinOperator)
_DTYPES = {number: name.lower() for number, name in _constants(schema.TensorType).items()}


def read(path: Path) -> Any:
    """Parse a file into the schema's ModelT object. Raises RefusedInput when it is not a whole TFLite model."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RefusedInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    if content[4:8] != _IDENTIFIER:
        raise _refused(path, "it does not carry the TFL3 mark")
    try:
        model = _whole(content)
    except Exception as error:  # a damaged flatbuffer fails anywhere, in any way
        raise _refused(path, "it is damaged or cut short") from error
    if not model.subgraphs or not model.operatorCodes or len(model.signatureDefs or ()) != 1:
        raise _refused(path, "it needs exactly one signature, which names its inputs and outputs")
    return model


def pack(model: Any) -> bytes:
    """The bytes of a ModelT object. Raises RefusedInput when its weights do not fit into one flatbuffer."""
    from ai_edge_litert.tools import flatbuffer_utils  # only conversion packs; a measuring machine never does

    if (size := sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)) >= LARGEST:
        raise RefusedInput(f"weights of {size} bytes do not fit into one flatbuffer", allowed=f"less than {LARGEST}")
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def packed_whole(content: bytes) -> bytes:
    """The same model with all weights inside its flatbuffer.

    ai-edge-quantizer lays weights of 256 kB and more behind it, where older runtimes do not look for them.
    """
    packed = schema.Model.GetRootAs(content)
    is_whole = all(packed.Buffers(number).Offset() <= INSIDE for number in range(packed.BuffersLength()))
    return content if is_whole else pack(_whole(content))


def facts(model: Any, path: Path) -> ModelFacts:
    """Inputs and outputs in signature order, and operators of every subgraph; custom ones as `custom.Name`."""
    signature = model.signatureDefs[0]
    used = [(op_name(model, one), graph, one) for graph in model.subgraphs for one in graph.operators]
    tensors = model.subgraphs[signature.subgraphIndex].tensors
    return ModelFacts(
        inputs=tuple(_spec(one, tensors[one.tensorIndex], path) for one in signature.inputs),
        outputs=tuple(_spec(one, tensors[one.tensorIndex], path) for one in signature.outputs),
        ops=dict(sorted(Counter(name for name, _, _ in used).items())),
        float_ops=dict(sorted(Counter(one[0] for one in used if _computes_in_floats(*one)).items())),
    )


def rename(model: Any) -> None:
    """Name tensors after the torch modules they came from (`image.body.0`), inputs and outputs after the signature.

    The converter's names spell out every class on the way; in a small model they are a tenth of the file. Names stay
    unique, which quantization relies on.
    """
    for signature in model.signatureDefs:
        if len(signature.outputs) == 1:
            signature.outputs[0].name = b"logits"
    ports = {
        (signature.subgraphIndex, one.tensorIndex): one.name.decode()
        for signature in model.signatureDefs
        for one in (*signature.inputs, *signature.outputs)
    }
    for number, graph in enumerate(model.subgraphs):
        taken = Counter(ports.values())
        for index, tensor in enumerate(graph.tensors):
            name = _module(tensor.name.decode(errors="replace")) or "tensor"
            taken[name] += 1
            unique = name if taken[name] == 1 else f"{name}#{taken[name]}"
            tensor.name = ports.get((number, index), unique).encode()


def is_constant(model: Any, tensor: Any) -> bool:
    """Whether a tensor's values stand in the file."""
    return model.buffers[tensor.buffer].data is not None and len(model.buffers[tensor.buffer].data) > 0


def _whole(content: bytes) -> Any:
    """A ModelT object that has in its buffers also what lies behind the flatbuffer."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > INSIDE:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def _computes_in_floats(name: str, graph: Any, operator: Any) -> bool:
    """Whether it reads or writes floats, other than to turn them into integers and back at the model's border."""
    touched = {index for index in (*operator.inputs, *operator.outputs) if index >= 0}
    at_border = name in ("QUANTIZE", "DEQUANTIZE") and not touched.isdisjoint((*graph.inputs, *graph.outputs))
    return not at_border and any(graph.tensors[index].type == schema.TensorType.FLOAT32 for index in touched)


def _module(name: str) -> str:
    """`m.Net/m.Moe_moe/torch.nn.modules.linear.Linear_router;2` -> `moe.router`; the root carries no attribute."""
    path = name.split(";", 1)[0]
    if "/" not in path:
        return path
    attributes = (part.rpartition(".")[2].partition("_")[2] for part in path.split("/"))
    return ".".join(attribute for attribute in attributes if attribute)


def op_name(model: Any, operator: Any) -> str:
    """An operator's name: `CONV_2D`; `custom.Name` of a custom one."""
    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return f"custom.{(code.customCode or b'?').decode(errors='replace')}"
    return _OPERATORS.get(number, f"unknown.{number}")


def _spec(named: Any, tensor: Any, path: Path) -> TensorSpec:
    signature = tensor.shapeSignature
    if tensor.shape is None or (signature is not None and any(size < 0 for size in signature)):
        raise _refused(path, f"tensor {named.name.decode()} has no fixed shape")
    return TensorSpec(
        name=named.name.decode(),
        shape=tuple(int(size) for size in tensor.shape),
        dtype=_DTYPES[tensor.type],
        quantization=_affine(tensor),
    )


def _affine(tensor: Any) -> Affine | None:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or len(quantization.scale) != 1:
        return None
    return Affine(scale=float(quantization.scale[0]), zero_point=int(quantization.zeroPoint[0]))


def _refused(path: Path, why: str) -> RefusedInput:
    return RefusedInput(f"not a TFLite model that can be used: {why}", where=str(path), allowed="a whole .tflite file")
