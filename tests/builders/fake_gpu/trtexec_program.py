"""As much of trtexec 10 and 11 as is called: the same files in the same forms, of the linear model alone."""

import json
import os
import sys
from pathlib import Path

import numpy as np

VERSION = os.environ["FAKE_TRTEXEC"]
MAJOR = int(VERSION.split(".")[0])
CODE = "v{:d}{:02d}{:02d}".format(*map(int, VERSION.split(".")[:3]))
WEIGHT = np.array([[1, -2, 3, 0.5], [0.25, 1, -1, 2], [-1, 0.5, 0, 1]], dtype=np.float32)
BIAS = np.array([0.5, -0.25, 1], dtype=np.float32)
BUILDS = {"onnx", "saveEngine", "memPoolSize", "timingCacheFile", "skipInference", "sparsity"} | {
    *("minShapes", "optShapes", "maxShapes", "builderOptimizationLevel")
}
BOTH = {"profilingVerbosity", "exportLayerInfo", "loadEngine", "loadInputs", "exportTimes", "exportOutput"} | {
    *("exportProfile", "iterations", "duration", "warmUp", "avgRuns", "shapes")
}

ONLY = {
    10: {"stronglyTyped", "useSpinWait", "noDataTransfers", "useCudaGraph"},
    11: {"noCudaGraph", "includeDataTransfers"},
}
TIMES = ("startEnqMs", "endEnqMs", "startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs", "startD2hMs", "endD2hMs")


def fail(*errors: str) -> None:
    for error in errors:
        print(f"[11/25/2026-10:00:00] [E] {error}")
    print(f"&&&& FAILED TensorRT.trtexec [TensorRT {CODE}] [b1]")
    sys.exit(1)


def layers(engine: dict) -> dict:
    """The inspector's answer: since 11, types stand apart from formats, and bindings have a key of their own."""
    kind = {"Format/Datatype": "Float"} if MAJOR < 11 else {"Format": "Row major linear", "Datatype": "Float"}
    layer = {
        "Name": "/linear_myl0",
        "LayerType": "gemm",
        "Inputs": [{"Name": "x", **kind}],
        "Metadata": "[ONNX Layer: linear]",
    }
    layer["TacticName"] = f"sm80_xmma_gemm_{engine['kernel']}_tn_n"
    return {"Layers": [layer], "Bindings" if MAJOR < 11 else "I/O Tensors": []}


def infer(given: dict) -> None:
    engine = json.loads(Path(given["loadEngine"]).read_text())
    if engine["version"] != VERSION:
        fail("[TRT] Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed", "Engine set up failed")
    if engine["own"] and os.environ.get("NVIDIA_TF32_OVERRIDE") != "0":
        fail("the engine was built with another value of NVIDIA_TF32_OVERRIDE")
    print("[11/25/2026-10:00:00] [I] Engine deserialized in 0.0123 sec.")
    x = np.zeros((1, 4), np.float32)
    for one in filter(None, given.get("loadInputs", "").split(",")):
        name, _, path = one.partition(":")
        x = np.fromfile(path, np.float32).reshape(1, 4) if name == "x" else fail(f"Cannot find input tensor {name}")
    runs, warm_ups = int(given["iterations"]), 3 if int(given["warmUp"]) else 0
    if "exportTimes" in given:
        rows = [
            {**dict.fromkeys(TIMES, float(at)), "h2dMs": 0, "computeMs": 0.5 + at / 1000, "d2hMs": 0, "latencyMs": 0.6}
            for at in range(runs + warm_ups)
        ]
        Path(given["exportTimes"]).write_text(json.dumps(rows))
    if "exportOutput" in given:
        values = ", ".join(f"{value:.6g}" for value in (x @ WEIGHT.T + BIAS).ravel())
        text = f'[\n  {{ "name" : "y"\n  , "dimensions" : "1x3"\n  , "values" : [ {values} ]\n  }}\n]\n'
        Path(given["exportOutput"]).write_text(text)
    if "exportProfile" in given:
        row = {"name": "/linear_myl0", "timeMs": 25.0, "averageMs": 0.25, "medianMs": 0.25, "percentage": 100.0}
        Path(given["exportProfile"]).write_text(json.dumps([{"count": runs}, row]))


def main() -> None:
    print(f"&&&& RUNNING TensorRT.trtexec [TensorRT {CODE}] [b1] # trtexec {' '.join(sys.argv[1:])}")
    given = dict(one[2:].partition("=")[::2] for one in sys.argv[1:])
    if "help" in given:
        return
    unknown = given.keys() - BUILDS - BOTH - ONLY[MAJOR]
    if unknown:
        fail(*(f"Unknown option: --{one} {given[one]}" for one in sorted(unknown)))
    if "onnx" not in given:
        infer(given)
        return
    with Path(os.environ["FAKE_BUILDS"]).open("a") as log:
        log.write(f"trtexec {' '.join(sys.argv[1:])}\n")
    if b"linear" not in Path(given["onnx"]).read_bytes():
        fail("[TRT] ModelImporter.cpp: it is no ONNX file", "Failed to parse onnx file")
    own = os.environ.get("NVIDIA_TF32_OVERRIDE") == "0"
    engine = {"version": VERSION, "kernel": os.environ["FAKE_KERNEL"], "own": own}
    Path(given["saveEngine"]).write_text(json.dumps(engine))
    if "timingCacheFile" in given:
        Path(given["timingCacheFile"]).write_bytes(b"kernel;")
    if "exportLayerInfo" in given:
        Path(given["exportLayerInfo"]).write_text(json.dumps(layers(engine)))


main()
