"""Per-operator times: what a model's runtime says of its own operators, and their shares of the whole."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from l0gm_edge.backends import onnxruntime
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import ONNXRUNTIME
from l0gm_edge.core.opening import CPU_PROVIDER
from l0gm_edge.core.profiled import OperatorTimes
from l0gm_edge.devices import Device, Outcome
from l0gm_edge.measure.job import TIMEOUT_S, ModelFile, why

RUNS = 100


def measure(device: Device, model: ModelFile, runs: int = RUNS, *, graph: Path | None = None) -> OperatorTimes:
    """Profile one model in a process of its own.

    With `graph`, the graph that ran is brought there where ONNX Runtime's CPU kernels ran it alone, and layers that
    were to be in int8 and ran in float are among the fallback operators. Runtimes may be unable to tell, and may even
    crash over it: then `unavailable` says why and nothing is raised.
    """
    program = f"{model.runtime}_layers.py"
    command = [device.python(), program, model.path, str(model.threads), str(runs)]
    if model.runtime == ONNXRUNTIME:
        command.append(model.opening.model_dump_json())
        if graph is not None and list(model.opening.providers) == [CPU_PROVIDER]:
            command.append(f"{model.name}.ran")
    ended = device.run(command, TIMEOUT_S)
    if ended.outcome is not Outcome.OK:
        return OperatorTimes(unavailable=why(ended))
    try:
        found = OperatorTimes.model_validate_json(ended.stdout)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return OperatorTimes(unavailable=f"{program} printed what is no profile: {first['msg']}")
    if graph is None or found.graph is None:
        return found
    device.get(found.graph, graph)
    try:
        left = onnxruntime.left_in_float(graph)
    except RefusedInput as error:
        return OperatorTimes(unavailable=f"the graph that ran came back as {error.what}")
    return OperatorTimes.model_validate({**found.model_dump(), "fallback_ops": (*found.fallback_ops, *left)})
