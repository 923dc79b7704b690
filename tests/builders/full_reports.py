"""A whole report that passes, two runtimes with artifacts of every standing, to change as a test likes."""

from __future__ import annotations

from typing import Any

import numpy as np
from reports import layer_routing

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.network import Encoder, Model
from l0gm_edge.core.plan import SiteCut
from l0gm_edge.core.recipe import Data, Gates, Learn, Recipe, SiteKind, Target
from l0gm_edge.core.report import ArtifactRow, Bin, CompressedScores, Floor, ModelScores, Report, Routing
from l0gm_edge.core.subsets import Given, Partial, Subsets
from l0gm_edge.core.verdict import Status, Verdict

DENSE_BYTES = {"onnxruntime": 834_112, "tflite": 829_640}
DENSE_MS = {"onnxruntime": 0.412, "tflite": 0.365}


def bins(confidence_shift: float) -> tuple[Bin, ...]:
    """Ten bins of a model that is too sure of itself by `confidence_shift`; the first is empty."""
    counts = (0, 12, 31, 44, 60, 88, 130, 210, 505, 1920)
    confidences = [0.05 + 0.1 * index for index in range(10)]
    accuracies = [max(0.0, c - confidence_shift * (1 - c / 1.2)) for c in confidences]
    return tuple(
        Bin(confidence=c, accuracy=a, count=n) for c, a, n in zip(confidences, accuracies, counts, strict=True)
    )


def artifact(runtime: str, role: Role, scheme: str, **changes: Any) -> ArtifactRow:
    """An artifact; the figures that a test does not name are those of a plain fp32 file."""
    plain = {
        "name": f"{runtime}-{role}-{scheme}",
        "role": role,
        "runtime": runtime,
        "scheme": scheme,
        "sha256": "ab" * 32,
        "bytes": DENSE_BYTES[runtime],
        "accuracy": 0.9184,
        "ece": 0.0412,
        "ece_scaled": 0.0187,
        "nll": 0.2871,
        "brier": 0.1233,
        "temperature": 1.37,
        "p50_ms": DENSE_MS[runtime],
        "p90_ms": 1.06 * DENSE_MS[runtime],
        "p50_ratio_to_dense": 1.0,
        "p50_ratio_to_fp32": 1.0,
        "load_ms": 6.2,
        "peak_memory_bytes": 41_300_000,
        "chosen": False,
        "why": "the dense reference",
        "reliability": bins(0.18),
        "reliability_scaled": bins(0.03),
        "layers": (),
    } | changes
    plain["bytes_ratio_to_dense"] = plain["bytes"] / DENSE_BYTES[runtime]
    return ArtifactRow(**plain)


def layers() -> tuple[LayerTime, ...]:
    """Sixteen operations, one of them with the kind of name that LiteRT gives."""
    names = [f"encoders.image.blocks.{i}.conv" for i in range(9)] + [f"moe.experts.{i}.up" for i in range(6)]
    long = ";".join(f"l0gm_edge.models.moe.Experts_moe/torch.nn.modules.linear.Linear_up_{i};" for i in range(6))
    times = [41_000 // (i + 1) for i in range(15)]
    return (
        *(
            LayerTime(name=n, op="Conv" if "conv" in n else "Gemm", mean_ns=t)
            for n, t in zip(names, times, strict=True)
        ),
        LayerTime(name=long, op="FULLY_CONNECTED", mean_ns=23_000),
    )


def artifacts() -> tuple[ArtifactRow, ...]:
    """Two runtimes with every standing: reference, chosen, passed, inconclusive, rejected."""
    ort, lite = "onnxruntime", "tflite"
    best = {"chosen": True, "why": "Chosen: passed every check, and none that did is faster.", "layers": layers()}
    slow = "Rejected: never_slower: 1.35× slower than its fp32 twin; accuracy_drop: 2.0 points below dense."
    unseen = {"load_ms": None, "peak_memory_bytes": None, "why": "Not shown to pass: peak_memory: not reported."}
    plain = {"why": "Passed, but another is faster."}
    return (
        artifact(ort, Role.DENSE, "fp32"),
        timed(ort, "fp32", 131_100, 0.9168, 0.171, **plain),
        timed(ort, "int8", 58_400, 0.9151, 0.138, ece_scaled=0.0171, **best),
        artifact(lite, Role.DENSE, "fp32"),
        timed(lite, "fp32", 126_204, 0.9168, 0.158, **plain),
        timed(lite, "fp16", 69_900, 0.9168, 0.159, **unseen),
        timed(lite, "dynamic_int8", 47_150, 0.9157, 0.121, ece_scaled=0.0193, **best),
        timed(lite, "static_int8_heavy", 42_380, 0.8985, 0.214, p50_ratio_to_fp32=1.35, why=slow),
    )


def timed(runtime: str, scheme: str, size: int, accuracy: float, p50_ms: float, **changes: Any) -> ArtifactRow:
    """A compressed artifact with latencies consistent with each other."""
    latency = {"p50_ms": p50_ms, "p90_ms": 1.07 * p50_ms, "p50_ratio_to_dense": p50_ms / DENSE_MS[runtime]}
    figures = {"bytes": size, "accuracy": accuracy, "ece": 0.0371}
    return artifact(runtime, Role.COMPRESSED, scheme, **figures | latency | changes)


def sites() -> tuple[SiteCut, ...]:
    """Sites of four kinds whose gates mostly made up their mind."""
    generator = np.random.default_rng(7)
    long = "encoders.image.blocks.1.conv_with_an_unusually_long_module_path.inner"
    return (
        site(generator, "encoders.image.out", SiteKind.INTERFACE, 64, 24),
        site(generator, "encoders.audio.out", SiteKind.INTERFACE, 64, 16),
        site(generator, long, SiteKind.CHANNELS, 64, 20),
        site(generator, "encoders.audio.blocks.0.conv", SiteKind.CHANNELS, 32, 32),
        site(generator, "moe.experts.0.hidden", SiteKind.HIDDEN, 64, 20),
        site(generator, "moe.experts.3.hidden", SiteKind.HIDDEN, 64, 4),
        site(generator, "moe.experts", SiteKind.EXPERTS, 8, 3),
    )


def site(generator: np.random.Generator, name: str, kind: SiteKind, width: int, kept: int) -> SiteCut:
    """One site with `kept` of `width` units open."""
    keep = np.sort(generator.permutation(width)[:kept])
    probability = generator.beta(0.5, 6, width)
    probability[keep] = generator.beta(6, 0.7, kept)
    gate = np.isin(np.arange(width), keep).astype(float)
    return SiteCut(
        site=name, kind=kind, width=width, keep=keep.tolist(), gate=gate.tolist(), open_probability=probability.tolist()
    )


def verdict(check: str, subject: str | None, **changes: Any) -> Verdict:
    """A PASS, unless the test says otherwise."""
    plain = {"check": check, "artifact": subject, "status": Status.PASS, "reason": "within the limit"}
    return Verdict(**plain | changes)


def run_verdicts(**instead: Status) -> list[Verdict]:
    """What is checked of the run as a whole; a check may be given another status."""
    found = [
        verdict("exactness", None, value=2.4e-7, limit=1e-5, unit="of output scale", reason="cut equals gated"),
        verdict("realised_units", None, value=131, limit=131, unit="units", reason="131 of 392 units were kept"),
        verdict("parameter_fraction", None, value=0.149, limit=0.25, unit="of dense", reason="30.6 k are left"),
        verdict("artifact_for_onnxruntime", None, reason="onnxruntime-compressed-int8 is chosen for onnxruntime"),
        verdict("artifact_for_tflite", None, reason="tflite-compressed-dynamic_int8 is chosen for tflite"),
    ]
    changed = {"reason": "not as it should be"}
    return [
        one.model_copy(update=changed | {"status": instead[one.check]}) if one.check in instead else one
        for one in found
    ]


def artifact_verdicts() -> list[Verdict]:
    """What is checked of each compressed artifact; fp16 is inconclusive and the static scheme fails twice."""
    return [one for row in artifacts() if row.role is Role.COMPRESSED for one in verdicts_on(row)]


def verdicts_on(row: ArtifactRow) -> list[Verdict]:
    """Latency, parity, accuracy, memory, and speed against the fp32 twin of one artifact."""
    drop = 100 * (0.9184 - row.accuracy)
    slow = row.p50_ratio_to_fp32 == 1.35
    memory = {"reason": "the device did not report memory", "value": None, "status": Status.INCONCLUSIVE}
    p50 = row.p50_ms or 0
    return [
        verdict("p50_latency", row.name, value=p50, limit=0.5, unit="ms", interval=(0.98 * p50, 1.02 * p50)),
        verdict("parity", row.name, value=3.1e-7, limit=1e-4, unit="of output scale"),
        verdict(
            "accuracy_drop",
            row.name,
            status=Status.FAIL if drop > 1 else Status.PASS,
            value=drop,
            limit=1.0,
            unit="points",
            reason=f"{drop:.2f} points below dense on 3,000 test samples",
        ),
        verdict(
            "peak_memory", row.name, **{"value": 41.3} | (memory if row.peak_memory_bytes is None else {}), unit="MB"
        ),
        verdict(
            "never_slower",
            row.name,
            status=Status.FAIL if slow else Status.PASS,
            value=row.p50_ratio_to_fp32,
            limit=1.0,
            unit="x fp32",
            interval=(1.31, 1.39) if slow else None,
            reason="SQUARED_DIFFERENCE and BATCH_MATMUL left the delegate" if slow else "faster than fp32",
        ),
    ]


def subsets(image: str = "image", audio: str = "audio") -> Subsets:
    """Each of two modalities alone, and both."""
    figures = {(audio,): 0.612, (image,): 0.743, (audio, image): 0.918}
    return Subsets(
        given=tuple(
            Given(
                modalities=names,
                dense=Partial(accuracy=accuracy, ece=0.12, ece_scaled=0.09),
                compressed=Partial(accuracy=accuracy - 0.011, ece=0.13, ece_scaled=0.08),
            )
            for names, accuracy in figures.items()
        )
    )


def recipe(description: str = "Degraded digits and spoken digits, fused late, with eight experts.") -> Recipe:
    """The recipe of a late-fusion run."""
    encoder = Encoder(encoder="convolution", widths=(32, 64), out=64)
    return Recipe(
        name="avmnist",
        description=description,
        data=Data(name="avmnist"),
        model=Model(encoders={"image": encoder, "audio": encoder}, latent=96),
        gates=Gates(target=Target(active_fraction=0.33)),
        learn=Learn(steps=3000),
    )


def report(**changes: Any) -> Report:
    """A report that passes, with some of its fields changed."""
    figures = {"nll": 0.2871, "nll_scaled": 0.262, "brier": 0.1233, "brier_scaled": 0.1214, "temperature": 1.37}
    dense = {"accuracy": 0.9184, "ece": 0.0412, "ece_scaled": 0.0187, "parameters": 205_322, "macs": 9_412_000}
    small = {"accuracy": 0.9168, "ece": 0.0371, "ece_scaled": 0.0162, "parameters": 30_644, "macs": 1_288_400}
    gated = {"active_fraction_requested": 0.33, "active_fraction_realised": 0.334, "exactness": 2.4e-7}
    runtimes = tuple(Runtime(name=name, schemes=("fp32",)) for name in DENSE_BYTES)
    base = {
        "passed": True,
        "recipe": recipe(),
        "hardware": HardwareProfile(name="host-cpu", title="This machine's CPU, one thread", runtimes=runtimes),
        "verdicts": tuple(run_verdicts() + artifact_verdicts()),
        "dense": ModelScores(**figures | dense),
        "compressed": CompressedScores(**figures | small | gated),
        "artifacts": artifacts(),
        "floors": (
            Floor(runtime="onnxruntime", bytes=3_920, p50_ms=0.021),
            Floor(runtime="tflite", bytes=2_604, p50_ms=0.009),
        ),
        "sites": sites(),
        "routing": Routing(layers=(layer_routing(),)),
        "subsets": subsets(),
        "environment": {"processor": "Intel(R) Xeon(R) @ 2.10GHz", "l0gm-edge": "0.1.0", "commit": "02c700bfeed"},
        "seconds": {"learn": 141.2, "prune": 1.31, "quantize": 8.4, "compile": 31.0, "measure": 62.5},
    }
    return Report(**base | changes)
