"""Runs models on the device and writes down what it saw: `python agent.py job.json`.

For Python 3.8, numpy and the runtime under test, in a process and a folder of its own. The job names a task for a
list of models: `prepare` (files looked at, engines built), `latency` (raw nanoseconds), `outputs` (answers to whole
sets), `footprint` (load time and peak memory), or that of a file beside this (`energy_task`, ...). The result is
written whole or not at all; a failure is one too (status "failed", message, exit status 1).
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import sys
import time
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy only moves data here; its thread pool would cost memory

import numpy as np

Row = Dict[str, np.ndarray]
Json = Dict[str, Any]


class AgentError(Exception):
    """Something that the person who sent the job can understand."""

    told = True


class Model(NamedTuple):
    """An opened model, whatever its runtime: what it takes and gives, and how to run it on one row."""

    inputs: dict[str, tuple[Any, tuple[int, ...]]]  # name -> numpy type, shape (free axes as 1)
    outputs: list[str]
    convert: Callable[[str, np.ndarray], np.ndarray]  # values -> the named input's type
    feed: Callable[[Row], Any]  # a row -> whatever `place` wants
    place: Callable[[Any], None]  # put a row where the next run reads it
    run: Callable[[], None]  # one inference, nothing else: this is what is timed
    read: Callable[[], np.ndarray]  # the first output of the last run
    every: Any = None  # -> all outputs of the last run by name, where the runtime gives them
    # Of runtimes that are other programs, which load, warm up and time on their own:
    timed: Any = None  # fed rows, count -> nanoseconds of that many inferences
    weight: Any = None  # -> the nanoseconds that the last run loaded for, and the bytes that it held


def open_onnxruntime(onnxruntime: Any, spec: Json) -> Model:
    """A model in ONNX Runtime, opened as the job says: by default on the CPU, with every graph optimisation."""
    sessions = beside("onnxruntime_session")
    try:
        session = sessions.open_session(onnxruntime, spec["path"], spec["threads"], spec.get("opening", {}))
    except sessions.FellBack as error:
        raise AgentError(str(error)) from error
    names = {"float": "float32", "double": "float64"}  # the other types of ONNX are called as numpy calls them
    inputs = {}
    for one in session.get_inputs():
        kind = one.type[len("tensor(") : -1]
        inputs[one.name] = np.dtype(names.get(kind, kind)), fixed_shape(one.shape)
    outputs = [one.name for one in session.get_outputs()]
    binding: Any = None

    def feed(row: Row) -> Any:
        bound, values = session.io_binding(), {}
        for name, array in row.items():
            values[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
            bound.bind_ortvalue_input(name, values[name])
        for name in outputs:
            bound.bind_output(name)
        return bound, values  # the binding alone does not keep the values alive

    def place(bound: Any) -> None:
        nonlocal binding
        binding = bound[0]

    return Model(
        inputs=inputs,
        outputs=outputs,
        convert=lambda name, values: np.ascontiguousarray(values, dtype=inputs[name][0]),
        feed=feed,
        place=place,
        run=lambda: session.run_with_iobinding(binding),
        read=lambda: np.asarray(binding.copy_outputs_to_cpu()[0]),
        every=lambda: dict(zip(outputs, (np.array(one) for one in binding.copy_outputs_to_cpu()))),
    )


def beside(name: str) -> Any:
    """Another of the programs that the host sends; where they run, they lie in one folder."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


@lru_cache(maxsize=None)
def import_runtime(name: str) -> tuple[Any, str]:
    """The module of a runtime, and which version of it this device has."""
    known = {"onnxruntime": ["onnxruntime"], "tflite": ["ai_edge_litert.interpreter", "tflite_runtime.interpreter"]}
    for module in known.get(name, ()):
        package = module.split(".")[0]
        if util.find_spec(package):
            found = import_module(module)  # onnxruntime may be brought by onnxruntime-gpu, so its own word comes first
            return found, f"{package} {getattr(found, '__version__', None) or metadata.version(package)}"
    raise AgentError(f"this device does not have the runtime '{name}' (the agent looked for {known.get(name, 'none')})")


def prepare(spec: Json) -> Json:
    """Refuse a file that is not the one the job means; import its runtime, or build its engine, so that no load time
    contains that. Returns what the result tells of both.
    """
    found = hashlib.sha256(Path(spec["path"]).read_bytes()).hexdigest()
    if found != spec["sha256"]:
        raise AgentError(f"the file that arrived has sha256 {found[:16]}, the job means {spec['sha256'][:16]}")
    if spec["runtime"] == "tensorrt":
        record = beside("tensorrt_model").prepared(spec["path"]).record
        return {"runtime_version": record["by"], "engine": record}
    return {"runtime_version": import_runtime(spec["runtime"])[1]}


def open_model(spec: Json) -> Model:
    """Open a model in its runtime."""
    if spec["runtime"] == "tensorrt":
        return Model(**beside("tensorrt_model").opened(spec["path"]))
    runtime = import_runtime(spec["runtime"])[0]
    if spec["runtime"] == "onnxruntime":
        return open_onnxruntime(runtime, spec)
    return Model(**beside("tflite_model").opened(runtime, spec["path"], spec["threads"]))


def fixed_shape(shape: Any) -> tuple[int, ...]:
    """A declared shape with every free axis taken as 1."""
    return tuple(int(axis) if isinstance(axis, (int, np.integer)) and axis > 0 else 1 for axis in shape)


def row_of(model: Model, arrays: Row, index: int) -> Row:
    """One row of a set, as the model takes it."""
    row = {}
    for name, (_, shape) in model.inputs.items():
        if name not in arrays:
            raise AgentError(f"the model wants the input '{name}'; the job holds {', '.join(sorted(arrays))}")
        row[name] = model.convert(name, arrays[name][index : index + 1])
        if row[name].shape != shape:
            raise AgentError(f"the input '{name}' has shape {row[name].shape}; the model takes {shape}")
    return row


def sample_rows(model: Model, job: Json, sets: dict[str, Row]) -> list[Row]:
    """The rows that timed runs rotate through: the set "samples", or random ones of the declared shapes without it."""
    if "samples" in sets:
        return [row_of(model, sets["samples"], index) for index in range(len(next(iter(sets["samples"].values()))))]
    draw = np.random.default_rng(job["seed"])
    rows: list[Row] = [{} for _ in range(8)]
    for row in rows:
        for name, (dtype, shape) in model.inputs.items():
            # Whole numbers stay at 0 and 1: as indices, every table of embeddings holds them.
            floats = np.issubdtype(dtype, np.floating)
            row[name] = np.array(draw.standard_normal(shape) if floats else draw.integers(0, 2, shape), dtype)
    return rows


def timed_runs(model: Model, feeds: list[Any], runs: int, first: int = 0) -> list[int]:
    """Nanoseconds of each of `runs` inferences, inputs in place before the clock starts."""
    if model.timed:
        return list(model.timed(feeds, runs))
    clock, run, taken = time.perf_counter_ns, model.run, []
    for index in range(first, first + runs):
        model.place(feeds[index % len(feeds)])
        began = clock()
        run()
        taken.append(clock() - began)
    return taken


def warm_up(model: Model, feeds: list[Any], limits: Json) -> Json:
    """Run until two windows in a row have the same median, within the limits; how many runs that took, and whether it
    came to that (null of runtimes that warm up on their own)."""
    runs, before, steady, deadline = 0, 0.0, False, time.monotonic() + limits["max_seconds"]
    while not model.timed and not steady and runs < limits["max_runs"] and time.monotonic() < deadline:
        median = float(np.median(timed_runs(model, feeds, limits["window"])))
        runs += limits["window"]
        steady = before > 0 and abs(median / before - 1) <= limits["tolerance"] and runs >= limits["min_runs"]
        before = median
    return {"warmup_runs": runs, "steady": None if model.timed else steady}


def nothing(job: Json, _: dict[str, Row]) -> list[Json]:
    """Models are only made ready, as for every task."""
    return [{} for _ in job["models"]]


def latency(job: Json, sets: dict[str, Row]) -> list[Json]:
    """Blocks of timed runs of every model, in random order within a round; round i of one pairs with i of another."""
    loaded: list[tuple[Json, Model, list[Any]]] = []
    for spec in job["models"]:
        with speaking_of(spec):
            model = open_model(spec)
            feeds = [model.feed(row) for row in sample_rows(model, job, sets)]
            loaded.append(({**warm_up(model, feeds, job["warm_up"]), "rounds": [], "held_back": {}}, model, feeds))
    watch = beside("held_back").Watch()
    order, settle = random.Random(job["seed"]), job["settle_runs"]  # noqa: S311 (an order, not a secret)
    gc.disable()
    for number in range(job["rounds"]):
        for found, model, feeds in order.sample(loaded, len(loaded)):
            if not model.timed:
                timed_runs(model, feeds, settle)  # the caches still hold the model before
            found["rounds"].append(timed_runs(model, feeds, job["runs_per_block"], first=settle))
        reasons = watch.reasons()
        for found, _, _ in loaded if reasons else ():
            found["held_back"][number] = reasons
    return [found for found, _, _ in loaded]


def outputs(job: Json, sets: dict[str, Row]) -> list[Json]:
    """Each model's float32 answers (rows, classes) to each set, one row at a time, in .npy files."""
    results = []
    for number, spec in enumerate(job["models"]):
        with speaking_of(spec):
            model, files = open_model(spec), {}
            if len(model.outputs) != 1:
                raise AgentError(f"one output is read, and there are {len(model.outputs)}: {', '.join(model.outputs)}")
            for split, arrays in sets.items():
                answers = []
                for index in range(len(next(iter(arrays.values())))):
                    model.place(model.feed(row_of(model, arrays, index)))
                    model.run()
                    answers.append(np.array(model.read(), dtype=np.float32).reshape(-1))
                files[split] = f"{job['name']}-{number}-{split}.npy"
                np.save(files[split], np.stack(answers))
            results.append({"outputs": files})
    return results


def footprint(job: Json, sets: dict[str, Row]) -> list[Json]:
    """Load times, and the peak memory of this whole process, Python and runtime included: one model a job."""
    results = []
    for spec in job["models"]:
        with speaking_of(spec):
            loads, peak = [], None
            for _ in range(job["loads"]):
                began = time.perf_counter_ns()
                model = open_model(spec)
                taken = time.perf_counter_ns() - began
                timed_runs(model, [model.feed(row) for row in sample_rows(model, job, sets)], job["runs"])
                taken, held = model.weight() if model.weight else (taken, peak_memory_bytes())
                loads.append(taken)
                peak = peak or held  # after the first load: what one copy of the model takes
                del model
            results.append({"load_ns": loads, "peak_memory_bytes": peak})
    return results


@contextmanager
def speaking_of(spec: Json) -> Iterator[None]:
    """Turn whatever goes wrong with a model into a message that names it."""
    try:
        yield
    except Exception as error:
        said = str(error) if hasattr(error, "told") else f"{type(error).__name__}: {error}"
        raise AgentError(f"model '{spec['name']}': {said}") from error


def peak_memory_bytes() -> Any:
    """The most memory this process ever held, or None where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def main(job_path: str) -> int:
    """Do the job; leave its result beside it."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    result: Json = {"status": "ok", "message": None, "models": []}
    try:
        facts = []
        for spec in job["models"]:
            with speaking_of(spec):
                facts.append(prepare(spec))
        sets = {split: dict(np.load(path)) for split, path in job["inputs"].items()}
        ours = {"prepare": nothing, "latency": latency, "outputs": outputs, "footprint": footprint}
        task = ours.get(job["task"]) or beside(f"{job['task']}_task").perform
        for spec, known, one in zip(job["models"], facts, task(job, sets)):
            one.update(known, name=spec["name"], sha256=spec["sha256"])
            result["models"].append(one)
    except Exception as error:  # every failure becomes a result
        result.update(status="failed", message=str(error) if hasattr(error, "told") else repr(error), models=[])
    Path(job["name"] + "-partial.json").write_text(json.dumps(result), encoding="utf-8")
    Path(job["name"] + "-partial.json").replace(job["name"] + "-result.json")
    return 0 if result["status"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
