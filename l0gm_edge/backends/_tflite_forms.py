"""The form of each layer, as the quantizer for TFLite is told it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ai_edge_quantizer.qtyping import QuantGranularity
from ai_edge_quantizer.qtyping import TFLOperationName as Op
from ai_edge_quantizer.quantizer import Quantizer

from l0gm_edge.backends import DYNAMIC, STATIC, _tflite_layers
from l0gm_edge.core.errors import RefusedInput

# One scale a layer for linear layers: older runtimes give silently wrong answers for one a channel, and the scales of
# a small model take a fifth of its file.
A_LAYER, A_CHANNEL = QuantGranularity.TENSORWISE, QuantGranularity.CHANNELWISE
OPS = {
    **{kind: Op[kind] for kind in _tflite_layers.FORMS if kind in Op.__members__},
    "TRANSPOSE_CONV": Op.CONV_2D_TRANSPOSE,
}


def set_up(quantizer: Quantizer, model: Any, forms: Mapping[str, str]) -> None:
    """Tell a quantizer the form of each layer that is not to stay float; what pads for a static one goes along."""
    kinds = {layer.name: layer.op for layer in _tflite_layers.layers(model)}
    if unknown := forms.keys() - kinds.keys():
        raise RefusedInput(f"there is no layer {', '.join(sorted(unknown))}")
    for name, form in forms.items():
        kind = kinds[name]
        scales = A_CHANNEL if kind in _tflite_layers.CONVOLUTIONS else A_LAYER
        if form == DYNAMIC:
            quantizer.add_dynamic_config(_only(name), OPS[kind], 8, scales)
        else:
            quantizer.add_static_config(_only(name), OPS[kind], 8, 8, scales)
    tensors = model.subgraphs[0].tensors
    static = {
        tensors[operator.inputs[0]].name.decode()
        for operator, kind in _tflite_layers.operators(model)
        if kind in _tflite_layers.CONVOLUTIONS and forms.get(tensors[operator.outputs[0]].name.decode()) == STATIC
    }
    for operator, kind in _tflite_layers.operators(model):
        name = tensors[operator.outputs[0]].name.decode()
        if kind == "PAD" and name in static:
            quantizer.add_static_config(_only(name), Op.PAD, 8, 8, A_CHANNEL)


def _only(name: str) -> str:
    """The expression that matches the operator alone which gives this tensor; names of several outputs are joined."""
    return f"^{re.escape(name)};?$"
