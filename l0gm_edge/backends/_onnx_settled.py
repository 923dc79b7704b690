"""What is done to float layers before they become int8, where it brings less noise: equalization, bias correction."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import onnx

from l0gm_edge.backends import _onnx_bias, _onnx_equalize, _onnx_layers, _onnx_noise
from l0gm_edge.backends import _onnx_pairs as pairs
from l0gm_edge.core.recipe import Quantize


def settled(
    model: onnx.ModelProto, layers: Collection[str], samples: Sequence[pairs.Sample], settings: Quantize
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The model as its layers shall be quantized, and in words what was tried on it and whether that stayed.

    What is tried stays only if it lowers the noise of these layers in int8: equalization on `subset_size` samples, bias
    correction on every second sample, which it does not learn from.
    """
    notes = []
    if settings.equalize:
        few = _onnx_noise.spread(samples, settings.subset_size)
        model, note = _better("equalization", model, _onnx_equalize.equalized(model), layers, few, samples, settings)
        notes.append(note)
    if settings.correct_bias:
        learnt, held = samples[::2], samples[1::2]
        if not held:
            return model, (*notes, "bias correction is left off: it takes 2 calibration rows or more")
        few = _onnx_noise.spread(learnt, settings.subset_size)
        corrected = _onnx_bias.corrected(model, layers, pairs.ranges(model, samples, settings), few)
        model, note = _better("bias correction", model, corrected, layers, held, samples, settings)
        notes.append(note)
    return model, tuple(notes)


def _better(
    what: str,
    plain: onnx.ModelProto,
    changed: onnx.ModelProto,
    layers: Collection[str],
    judged_on: Sequence[pairs.Sample],
    samples: Sequence[pairs.Sample],
    settings: Quantize,
) -> tuple[onnx.ModelProto, str]:
    """The one whose layers in int8 bring less noise to the outputs of `plain`, and why."""
    expected = _onnx_noise.outputs(plain, judged_on)

    def noise(one: onnx.ModelProto) -> float:
        nodes = _onnx_layers.with_glue(one, layers)
        quantized = pairs.with_pairs(one, nodes, pairs.ranges(one, samples, settings))
        return _onnx_noise.noise(_onnx_noise.outputs(quantized, judged_on), expected)

    without, having = noise(plain), noise(changed)
    told = f"the outputs stand {_db(having)} dB above the noise with it, {_db(without)} dB without"
    return (changed, f"{what} stays: {told}") if having < without else (plain, f"{what} is left off: {told}")


def _db(noise: float) -> str:
    return f"{-10 * math.log10(noise):.1f}" if noise else "infinitely many"
