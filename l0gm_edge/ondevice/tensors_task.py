"""The agent's task `tensors`: every output of a model, for files whose inner tensors were all made outputs."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Dict

import numpy as np

Json = Dict[str, Any]


def beside(name: str) -> Any:
    """Another of the programs that the host sends."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def perform(job: Json, sets: dict[str, dict[str, np.ndarray]]) -> list[Json]:
    """A .npz for each set: `names`, and `arr_0`, `arr_1`, ... (rows, ...) in their order."""
    agent, results = beside("agent"), []
    for number, spec in enumerate(job["models"]):
        with agent.speaking_of(spec):
            model, files = agent.open_model(spec), {}
            for split, arrays in sets.items():
                files[split] = f"{job['name']}-{number}-{split}.npz"
                found = through(agent, model, arrays)
                np.savez(files[split], *found.values(), names=np.array(list(found)))
            results.append({"outputs": files})
    return results


def through(agent: Any, model: Any, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What each output gave, a row after the other."""
    if model.every is None:
        raise agent.AgentError("this runtime does not give inner tensors")
    rows = []
    for index in range(len(next(iter(arrays.values())))):
        model.place(model.feed(agent.row_of(model, arrays, index)))
        model.run()
        rows.append(model.every())
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
