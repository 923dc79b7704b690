"""The precision that a TensorRT engine really has, layer by layer, from what its inspector says (JSON, detailed)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Status, Verdict

CHECK = "engine_precision"
# From narrow to wide. A kernel's name tells its arithmetic; `f32` also stands in the names of narrower ones, for sums.
_EIGHT_BITS = frozenset({"int8", "fp8"})
_BITS = {"int4": 4, "int8": 8, "fp8": 8, "fp16": 16, "bf16": 16, "tf32": 32, "fp32": 32}
WIDEST = 32
_KERNELS = (
    ("fp8", r"e4m3|fp8"),
    ("int8", r"i8i8|s8s8|int8|imma|i8816|i16832"),
    ("bf16", r"bf16"),
    ("fp16", r"f16f16|fp16|h\d{3,}|hmma|hcudnn|hgemm"),
    ("tf32", r"tf32"),
    ("fp32", r"f32f32|fp32|scudnn|sgemm|s\d{4,}gemm"),
)
_TYPES = (
    ("fp8", r"fp8"),
    ("int4", r"int4"),
    ("int8", r"int8"),
    ("bf16", r"bf16|bfloat16"),
    ("fp16", r"half|fp16"),
    ("fp32", r"float|fp32"),
)


class EngineLayer(Value):
    """One layer of an engine: the ONNX nodes fused into it, its kernel, and its precision, null where nothing tells."""

    name: str
    kind: str
    nodes: tuple[str, ...]
    tactic: str
    precision: str | None


def read_layers(text: str) -> tuple[EngineLayer, ...]:
    """The layers of an engine from `EngineInspector.get_engine_information(JSON)` or trtexec's `--exportLayerInfo`.

    Raises RefusedInput when it is no such text, or the engine was built without detailed profiling verbosity.
    """
    try:
        document = json.loads(text)
        layers = [] if not isinstance(document, dict) else document.get("Layers")
    except (ValueError, RecursionError) as error:
        raise _refused("it is not JSON") from error
    if not isinstance(layers, list) or not layers:
        raise _refused("it has no list of layers")
    if not all(isinstance(layer, dict) and isinstance(layer.get("Name"), str) for layer in layers):
        raise _refused("it has only the names of layers")
    return tuple(_layer(layer) for layer in layers)


def precision_verdict(wanted: Mapping[str, str], layers: tuple[EngineLayer, ...], artifact: str) -> Verdict:
    """Whether each heavy node runs in the precision that the ONNX file asks for; wider than asked is a FAIL.

    `wanted` is `EngineDescription.precisions`. A node that no layer names, or whose layer does not tell, is
    INCONCLUSIVE, unless it asks for the widest there is. The value is the number of nodes that run wider than asked.
    """
    found = {node: tuple(layer for layer in layers if node in layer.nodes) for node in wanted}
    wider = [
        f"{node} asks for {asked} and runs in {layer.precision} ({layer.tactic or layer.kind})"
        for node, asked in wanted.items()
        for layer in found[node]
        if layer.precision and _BITS[layer.precision] > _BITS[asked]
    ]
    unknown = [
        node
        for node, held in found.items()
        if not any(layer.precision for layer in held) and _BITS[wanted[node]] < WIDEST
    ]
    if wider:
        status, reason = Status.FAIL, "; ".join(wider)
    elif unknown or not wanted:
        status, reason = Status.INCONCLUSIVE, f"the engine does not tell for {', '.join(unknown) or 'any node'}"
    else:
        status, reason = Status.PASS, f"all {len(wanted)} heavy nodes run in the precision asked for"
    return Verdict(
        check=CHECK, artifact=artifact, status=status, value=float(len(wider)), limit=0.0, unit="nodes", reason=reason
    )


def run_verdict(run: EngineRun, artifact: str) -> Verdict:
    """What an engine's layers say of its precision: as `precision_verdict`, or of what TensorRT itself chose.

    Where it may choose, an engine without any heavy node in 8 bits is a FAIL: its calibrator did nothing.
    """
    try:
        layers = read_layers(run.layers or "")
    except RefusedInput as error:
        return Verdict(
            check=CHECK, artifact=artifact, status=Status.INCONCLUSIVE, limit=0.0, unit="nodes", reason=error.what
        )
    if not run.chosen_by_tensorrt:
        return precision_verdict(run.asked, layers, artifact)
    narrow = {node for layer in layers if layer.precision in _EIGHT_BITS for node in layer.nodes if node in run.asked}
    return Verdict(
        check=CHECK,
        artifact=artifact,
        status=Status.PASS if narrow else Status.FAIL,
        value=float(len(narrow)),
        limit=1.0,
        unit="nodes",
        reason=f"TensorRT chose 8 bits for {len(narrow)} of {len(run.asked)} heavy nodes",
    )


def _layer(layer: Mapping[str, Any]) -> EngineLayer:
    name, tactic = layer["Name"], str(layer.get("TacticName", ""))
    return EngineLayer(
        name=name,
        kind=str(layer.get("LayerType", "")),
        nodes=tuple(dict.fromkeys(_nodes(name, str(layer.get("Metadata", ""))))),
        tactic=tactic,
        precision=_first(_KERNELS, tactic) or _of_tensors(layer),
    )


def _nodes(name: str, metadata: str) -> Iterator[str]:
    yield from re.findall(r"\[ONNX Layer: ([^\]]+)\]", metadata)
    yield from (part.strip() for part in name.split(" + "))


def _of_tensors(layer: Mapping[str, Any]) -> str | None:
    """The type of the weights, or else the widest type read: what is unsure is not called narrow."""
    weights = layer.get("Weights")
    if isinstance(weights, dict) and (held := _first(_TYPES, str(weights.get("Type", "")))):
        return held
    inputs = layer.get("Inputs")
    read = [_type_of(one) for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []
    known = [kind for one in read if (kind := _first(_TYPES, str(one)))]
    return max(known, key=lambda kind: _BITS[kind], default=None)


def _type_of(tensor: Mapping[str, Any]) -> object:
    """TensorRT 10 writes format and type as one text; 11 writes them apart."""
    return next((tensor[key] for key in ("Datatype", "DataType", "Format/Datatype", "Format") if key in tensor), "")


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((kind for kind, pattern in patterns if re.search(pattern, text, re.IGNORECASE)), None)


def _refused(why: str) -> RefusedInput:
    return RefusedInput(
        f"not an engine's layers: {why}",
        allowed="the inspector's JSON of an engine built with detailed profiling verbosity",
        todo="build it with --profilingVerbosity=detailed",
    )
