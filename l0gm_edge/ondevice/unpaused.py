"""A model that runs in this process, as often and as long as a task wants: opened, fed and warmed up.

For Python 3.8; numpy and the runtime come with the agent, which is handed in.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List

Json = Dict[str, Any]
Rows = List[Any]

CHUNK_SECONDS = 0.02
MOST_RUNS = 1000


def as_they_are(rows: Rows) -> Rows:
    """A sample an inference."""
    return rows


def ready(
    agent: Any, spec: Json, job: Json, sets: Json, arranged: Callable[[Rows], Rows] = as_they_are
) -> tuple[Any, Rows, Json]:
    """The model, what it is fed (rows, as they are `arranged`), and what warming it up told.

    Raises AgentError for a model that another program runs.
    """
    model = agent.open_model(spec)
    if model.timed:
        raise agent.AgentError("its runtime is another program, which loads the model anew for each timing")
    feeds = [model.feed(one) for one in arranged(agent.sample_rows(model, job, sets))]
    return model, feeds, agent.warm_up(model, feeds, job["warm_up"])


def chunk_of(agent: Any, model: Any, feeds: Rows) -> int:
    """How many runs fit between two looks at the clock."""
    slowest = max(agent.timed_runs(model, feeds, 3)) / 1e9
    return max(1, min(MOST_RUNS, int(CHUNK_SECONDS / slowest)))
