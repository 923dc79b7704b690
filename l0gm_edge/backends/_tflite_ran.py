"""Which layer of a TFLite file each operator of a profile serves.

XNNPACK's operators carry no names, but they run in the order in which TensorFlow Lite hands its parts of the graph to
it, and that order follows from the file and from which operators XNNPACK left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from l0gm_edge.backends import LayerCost, _tflite_layers
from l0gm_edge.core.measurement import LayerTime

# What XNNPACK calls the operators that layers become; a 1x1 convolution is a linear layer to it.
HEAVY = {
    "CONV_2D": ("Convolution", "Fully Connected"),
    "DEPTHWISE_CONV_2D": ("Convolution",),
    "TRANSPOSE_CONV": ("Deconvolution",),
    "FULLY_CONNECTED": ("Fully Connected",),
    "BATCH_MATMUL": ("Batch Matrix Multiply", "Fully Connected"),
    "EMBEDDING_LOOKUP": (),
}
CONVERT = "Convert"
QUANTIZE, DEQUANTIZE = "QUANTIZE", "DEQUANTIZE"


def costs(source: Any, file: Any, times: Sequence[LayerTime]) -> dict[str, LayerCost]:
    """What each layer of `source`, an fp32 model, takes in a profile of `file`, the same model in any form.

    Conversions are charged to the layer whose input or output they convert. Empty where the profile does not show the
    file's layers in the order that is expected: then nothing is known.
    """
    operators = _tflite_layers.operators(file)
    outside = {time.node for time in times if time.node is not None}
    order = _executed(file, outside)
    names = iter(layer.name for layer in _tflite_layers.layers(source))
    own = {number: next(names, "") for number, (_, kind) in enumerate(operators) if kind in HEAVY}
    shown = [time for time in times if time.node in own or _is_heavy(time)]
    expected = [number for number in order if number in own]
    if len(shown) != len(expected) or not all(
        _fits(time, number, operators[number][1]) for time, number in zip(shown, expected, strict=True)
    ):
        return {}
    ns = {own[number]: float(time.mean_ns) for time, number in zip(shown, expected, strict=True)}
    for layer, taken in _conversions(file, times, order, own):
        ns[layer] += taken
    fast = {own[number]: number not in outside for number in expected}
    return {layer: LayerCost(ns=taken, fast=fast[layer]) for layer, taken in ns.items()}


def _is_heavy(time: LayerTime) -> bool:
    return time.node is None and any(time.op in kinds for kinds in HEAVY.values())


def _fits(time: LayerTime, number: int, kind: str) -> bool:
    return time.node == number if time.node is not None else time.op in HEAVY[kind]


def _executed(model: Any, outside: set[int]) -> list[int]:
    """The order in which a file's operators run: TensorFlow Lite makes parts of what is delegated and of what is not,
    each as large as its inputs allow."""
    graph = model.subgraphs[0]
    given = {tensor for operator in graph.operators for tensor in operator.outputs}
    waiting = list(range(len(graph.operators)))
    order: list[int] = []
    while waiting:
        part: list[int] = []
        for number in waiting:
            operator = graph.operators[number]
            ready = all(tensor not in given for tensor in operator.inputs)
            if ready and (not part or (number in outside) == (part[0] in outside)):
                part.append(number)
                given.difference_update(operator.outputs)
        if not part:
            break  # a damaged file; the profile cannot fit it
        waiting = [number for number in waiting if number not in part]
        order += part
    return order


def _conversions(
    model: Any, times: Sequence[LayerTime], order: Sequence[int], own: dict[int, str]
) -> list[tuple[str, float]]:
    """What each conversion takes, and the layer that it converts for; none where the profile shows another number."""
    operators = _tflite_layers.operators(model)
    converting = [number for number in order if operators[number][1] in (QUANTIZE, DEQUANTIZE)]
    shown = [time for time in times if time.op == CONVERT or time.node in converting]
    if len(shown) != len(converting):
        return []
    given = {tensor: own[number] for number in own for tensor in operators[number][0].outputs}
    read = {tensor: own[number] for number in own for tensor in operators[number][0].inputs}
    charged = []
    for time, number in zip(shown, converting, strict=True):
        operator, kind = operators[number]
        layer = read.get(operator.outputs[0]) if kind == QUANTIZE else given.get(operator.inputs[0])
        if layer is not None:
            charged.append((layer, float(time.mean_ns)))
    return charged
