"""Per-operator times: what a model's runtime says of its own operators, and their shares of the whole."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from l0gm_edge.core.hardware import ONNXRUNTIME
from l0gm_edge.core.measurement import LayerTime, ProviderShare
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device, Outcome
from l0gm_edge.measure.job import TIMEOUT_S, ModelFile, why

RUNS = 100


class OperatorTimes(Value):
    """Operators in the order they run; `fallback_ops` were left outside the runtime's fast path. `providers` are those
    of ONNX Runtime that ran something."""

    layers: tuple[LayerTime, ...] = ()
    fallback_ops: tuple[Told, ...] = ()
    providers: tuple[ProviderShare, ...] = ()
    unavailable: str | None = None


def measure(device: Device, model: ModelFile, runs: int = RUNS) -> OperatorTimes:
    """Profile one model in a process of its own.

    Runtimes may be unable to tell, and may even crash over it: then `unavailable` says why and nothing is raised.
    """
    program = f"{model.runtime}_layers.py"
    command = [device.python(), program, model.path, str(model.threads), str(runs)]
    if model.runtime == ONNXRUNTIME:
        command.append(model.opening.model_dump_json())
    ended = device.run(command, TIMEOUT_S)
    if ended.outcome is not Outcome.OK:
        return OperatorTimes(unavailable=why(ended))
    try:
        return OperatorTimes.model_validate_json(ended.stdout)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return OperatorTimes(unavailable=f"{program} printed what is no profile: {first['msg']}")


def shares(layers: Sequence[LayerTime]) -> tuple[float, ...]:
    """Each operator's share of the profiled total. Profiling slows a run: these, not the times, are to be trusted."""
    total = sum(layer.mean_ns for layer in layers)
    return tuple(layer.mean_ns / total for layer in layers)
