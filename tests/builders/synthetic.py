"""A made-up run that passes every check; tests change one thing in it and look at what the checks say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from l0gm_edge.core.artifact import Artifact, Role, TensorSpec
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.evidence import Evidence, Logits, Measured
from l0gm_edge.core.hardware import Budgets, Execution, HardwareProfile, Runtime
from l0gm_edge.core.measurement import Block, Conditions, LayerTime, Measurement, ProviderShare
from l0gm_edge.core.network import Encoder, Model
from l0gm_edge.core.plan import Exactness, PrunePlan, SiteCut, Sized
from l0gm_edge.core.recipe import Checks, Data, Gates, Learn, Recipe, SiteKind, Target
from l0gm_edge.core.session import Provider, Session
from l0gm_edge.core.store import text_sha256
from l0gm_edge.core.subsets import Given, Partial, Subsets

CLASSES = 4
ROWS = {"validation": 300, "test": 400}
NOON = Conditions(time="2026-01-01T12:00:00Z")
_draw = np.random.default_rng(0)
LABELS = {split: _draw.integers(CLASSES, size=rows) for split, rows in ROWS.items()}


def _logits(split: str) -> Logits:
    truth = np.eye(CLASSES)[LABELS[split]]
    return (3 * truth + _draw.normal(size=truth.shape)).astype(np.float32)


DENSE = {split: _logits(split) for split in ROWS}
SMALL = {split: (values + 0.05 * _draw.normal(size=values.shape)).astype(np.float32) for split, values in DENSE.items()}


def blocks(ms: float, *, spread: float = 0.01, seed: int = 0) -> tuple[Block, ...]:
    """Two processes of 10 blocks of 10 runs, each run `ms` give or take `spread`."""
    draw = np.random.default_rng(seed)
    return tuple(
        Block(
            process=process,
            round=turn,
            latencies_ns=tuple(int(ns) for ns in ms * 1e6 * (1 + spread * draw.normal(size=10))),
        )
        for process in range(2)
        for turn in range(10)
    )


def measured(role: Role, runtime: str, scheme: str, *, ms: float, size: int, noise: float, **changes: Any) -> Measured:
    """One artifact whose outputs are the torch model's plus `noise`; `changes` are fields of its measurement."""
    name = f"{role}-{runtime}-{scheme}"
    seed = sum(name.encode())
    draw = np.random.default_rng(seed)
    artifact = Artifact(
        name=name,
        role=role,
        runtime=runtime,
        scheme=scheme,
        path=f"{name}.bin",
        sha256=text_sha256(name),
        size_bytes=size,
        inputs=(TensorSpec(name="image", shape=(1, 6), dtype="float32"),),
        outputs=(TensorSpec(name="logits", shape=(1, CLASSES), dtype="float32"),),
        recipe_sha256="0" * 64,
        tools={"numpy": "2"},
        ops={"Gemm": 2},
    )
    plain: dict[str, Any] = {
        "artifact": name,
        "artifact_sha256": artifact.sha256,
        "hardware": "bench",
        "execution": Execution.HARDWARE,
        "runtime": runtime,
        "runtime_version": "1",
        "threads": 1,
        "machine": {},
        "session": "s",
        "warmup_runs": 10,
        "blocks": blocks(ms, seed=seed),
        "load_ns": (4_000_000, 5_000_000, 6_000_000),
        "peak_memory_bytes": 30_000_000,
        "energy": Energy(mj=0.5, mean_mw=5000.0, seconds=3.0, runs=30_000, samples=30, rails=("VDD_IN",)),
        "layers": (LayerTime(name="a", op="Gemm", mean_ns=int(ms * 9e5)),),
        "providers": shares() if runtime == "onnxruntime" else (),
        "conditions_before": NOON,
        "conditions_after": NOON,
        "outputs": {},
        "outputs_sha256": {"test": text_sha256(f"{name} outputs")},
        "time": NOON.time,
        "commit": None,
        "dirty": None,
    }
    reference = SMALL if role is Role.COMPRESSED else DENSE
    outputs = {
        split: (values + noise * draw.normal(size=values.shape)).astype(np.float32)
        for split, values in reference.items()
    }
    return Measured(artifact, Measurement(**plain | changes), {} if role is Role.FLOOR else outputs)


def engine_run(layers: str | None, asked: dict[str, str], *, chosen: bool = False) -> EngineRun:
    """TensorRT's part of a measurement: what its inspector said, and what the file asks for."""
    return EngineRun(
        by="tensorrt 10.3.0",
        key=None,
        engine_sha256="0" * 64,
        size_bytes=1,
        build_seconds=None,
        timing="host clock",
        layers=layers,
        asked=asked,
        chosen_by_tensorrt=chosen,
    )


def shares(on_cpu: int = 1) -> tuple[ProviderShare, ...]:
    """Ten nodes of as many microseconds, some of them left to the CPU."""
    split = (("XnnpackExecutionProvider", 10 - on_cpu), ("CPUExecutionProvider", on_cpu))
    return tuple(ProviderShare(provider=name, nodes=nodes, ns=1000 * nodes) for name, nodes in split)


def artifacts() -> tuple[Measured, ...]:
    """Two runtimes, each with a floor, the dense reference and the compressed model in fp32 and int8."""
    found: list[Measured] = []
    for runtime in ("onnxruntime", "tflite"):
        found += (
            measured(Role.FLOOR, runtime, "fp32", ms=0.01, size=900, noise=0),
            measured(Role.DENSE, runtime, "fp32", ms=1.0, size=800_000, noise=1e-6),
            measured(Role.COMPRESSED, runtime, "fp32", ms=0.4, size=200_000, noise=1e-6),
            measured(Role.COMPRESSED, runtime, "static_int8", ms=0.3, size=60_000, noise=0.02),
        )
    return tuple(found)


def recipe(**checks: Any) -> Recipe:
    """A recipe with every limit set."""
    limits = {"max_parameter_fraction": 0.25, "max_p50_ratio": 0.5, "max_file_ratio": 0.1} | checks
    return Recipe(
        name="made-up",
        data=Data(name="digits"),
        model=Model(encoders={"image": Encoder(encoder="tabular", widths=(8,), out=8)}, latent=8),
        gates=Gates(target=Target(active_fraction=0.25)),
        learn=Learn(steps=10),
        checks=Checks(**limits),
    )


def hardware(**budgets: Any) -> HardwareProfile:
    """A profile that requires both runtimes, ONNX Runtime's with an accelerator; `budgets` are its budgets."""
    sessions = {"onnxruntime": Session(providers=(Provider.XNNPACK, Provider.CPU)), "tflite": Session()}
    return HardwareProfile(
        name="bench",
        title="A bench",
        runtimes=tuple(
            Runtime(name=name, schemes=("fp32", "static_int8"), session=session) for name, session in sessions.items()
        ),
        budgets=Budgets(**budgets),
    )


def plan(**changes: Any) -> PrunePlan:
    """Two units of eight kept, which is as fast as was asked for."""
    site = SiteCut(
        site="hidden",
        kind=SiteKind.HIDDEN,
        width=8,
        keep=(1, 4),
        gate=(0, 1, 0, 0, 1, 0, 0, 0),
        open_probability=(0.1, 0.9, 0.1, 0.1, 0.8, 0.2, 0.1, 0.1),
    )
    plain: dict[str, Any] = {
        "base_sha256": "0" * 64,
        "target": Target(active_fraction=0.25),
        "units_requested": 2,
        "units_before": 8,
        "units_after": 2,
        "expected_active_fraction": 0.26,
        "parameters_before": 1000,
        "parameters_after": 200,
        "macs_before": 900,
        "macs_after": 180,
        "sites": (site,),
        "slices": (),
        "latency": (sized(0.42),),
    }
    return PrunePlan(**plain | changes)


def sized(requested_ms: float, percentile: Literal[50, 90] = 50) -> Sized:
    """One runtime, sized for this latency."""
    return Sized(
        runtime="onnxruntime",
        scheme="fp32",
        percentile=percentile,
        requested_ms=requested_ms,
        predicted_ms=0.97 * requested_ms,
        measured_ms=0.99 * requested_ms,
    )


def _partial(accuracy: float) -> Partial:
    return Partial(accuracy=accuracy, ece=0.1, ece_scaled=0.05)


def subsets(image: float, sound: float) -> Subsets:
    """The dense model is right in 80 % of cases with one modality, in 90 % with both; the compressed one as told."""
    figures = {("image",): image, ("sound",): sound, ("image", "sound"): 0.5}
    dense = {1: 0.8, 2: 0.9}
    return Subsets(
        given=tuple(
            Given(modalities=names, dense=_partial(dense[len(names)]), compressed=_partial(accuracy))
            for names, accuracy in figures.items()
        )
    )


def evidence(**changes: Any) -> Evidence:
    """The whole run; `changes` are fields of the evidence."""
    plain: dict[str, Any] = {
        "recipe": recipe(),
        "limits": changes.get("recipe", recipe()).checks,
        "hardware": hardware(p90_ms=2.5, load_ms=20, peak_memory_mb=64, energy_mj=1, file_mb=1),
        "plan": plan(),
        "exactness": Exactness(random_inputs=1e-7, real_inputs=2e-7, samples=64, tolerance=1e-5),
        "reference": {Role.DENSE: DENSE, Role.COMPRESSED: SMALL},
        "labels": LABELS,
        "measured": artifacts(),
    }
    return Evidence(**plain | changes)


def with_artifact(name: str, **changes: Any) -> Evidence:
    """The run with one artifact changed: `outputs`, `artifact` fields or `measurement` fields, by name."""
    return evidence(measured=changed(artifacts(), name, **changes))


def changed(every: Sequence[Measured], name: str, **changes: Any) -> tuple[Measured, ...]:
    """The artifacts with one of them changed, as `with_artifact` tells."""
    if name not in {one.artifact.name for one in every}:
        raise KeyError(name)
    return tuple(_changed(one, **changes) if one.artifact.name == name else one for one in every)


def _changed(one: Measured, **changes: Any) -> Measured:
    outputs = changes.pop("outputs", one.outputs)
    of_artifact = {key: changes.pop(key) for key in list(changes) if key in Artifact.model_fields}
    return replace(
        one,
        artifact=one.artifact.model_copy(update=of_artifact),
        measurement=Measurement.model_validate(one.measurement.model_dump() | changes),
        outputs=outputs,
    )
