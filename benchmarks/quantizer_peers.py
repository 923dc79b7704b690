"""What the product ships against what other quantizers make of the same models with the same calibration rows.

    python benchmarks/quantizer_peers.py [--out DIR] [--quick] [NETWORK ...]

Networks, rows and our own files are those of schemes.py, whose folder (runs/schemes) is made first where it is missing.
Peers are run as their manuals say, with their defaults, by the programs in peers/: ONNX Runtime's quantizer and
ai-edge-quantizer in this environment, the others in their own, since they ask for other versions. Make these once:

    for peer in modelopt neural_compressor; do
        python3.11 -m venv ~/.cache/l0gm-edge/benchmarks/$peer
        ~/.cache/l0gm-edge/benchmarks/$peer/bin/pip install -r benchmarks/peers/$peer.txt
    done

All files are run by the same runtimes, interleaved. A file of ours holds its own unless a peer's is no less accurate
and faster by more than 5 %, what the product itself gives up for a smaller file.

Finished networks are kept in DIR (default: runs/quantizer_peers). Needs a quiet machine and L0GM_EDGE_DATA.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import schemes
from result import Bar, at_least, at_most, write
from rich.console import Console
from schemes import Made, Row, Setting, sqnr_db
from trained_nets import CACHE, evenly

from l0gm_edge import devices
from l0gm_edge.check.choose import TIE
from l0gm_edge.cli._progress import TerminalProgress
from l0gm_edge.core import arrays, latency, scores
from l0gm_edge.core.dataset import Split
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.store import read_value, write_text
from l0gm_edge.devices import Device
from l0gm_edge.measure import job, tasks
from l0gm_edge.quantize.calibration_set import calibration_set

PROGRAMS = Path(__file__).parent / "peers"
OURS, FLOAT = "L0GM-Edge", "fp32"


@dataclass(frozen=True)
class Peer:
    """One tool in one of its ways; `environment` is the folder of its own, below CACHE."""

    tool: str
    way: str
    runtime: str
    program: str
    environment: str | None = None

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return CACHE / self.environment / "bin" / "python" if self.environment else Path(sys.executable)


PEERS = (
    Peer("ONNX Runtime", "static", "onnxruntime", "onnxruntime_tool.py"),
    Peer("ONNX Runtime", "preset", "onnxruntime", "onnxruntime_tool.py"),
    Peer("ONNX Runtime", "dynamic", "onnxruntime", "onnxruntime_tool.py"),
    Peer("Model Optimizer", "int8", "onnxruntime", "modelopt_tool.py", "modelopt"),
    Peer("Neural Compressor", "static", "onnxruntime", "neural_compressor_tool.py", "neural_compressor"),
    Peer("Neural Compressor", "dynamic", "onnxruntime", "neural_compressor_tool.py", "neural_compressor"),
    Peer("ai-edge-quantizer", "dynamic_wi8_afp32", "tflite", "ai_edge_tool.py"),
    Peer("ai-edge-quantizer", "static_wi8_ai8", "tflite", "ai_edge_tool.py"),
    Peer("ai-edge-quantizer", "weight_only_wi8_afp32", "tflite", "ai_edge_tool.py"),
)


@dataclass(frozen=True)
class File:
    """A file and who made it, or why there is none."""

    by: str
    way: str
    path: Path | None
    note: str = ""


def main(setting: Setting, beside: Setting, peers: Sequence[Peer]) -> int:
    """Make the rows that are missing, and hold all of them against the bars; `beside` is the setting of schemes.py."""
    rows: list[Row] = []
    with TerminalProgress(Console(stderr=True)) as progress:
        for short in setting.networks:
            path = setting.out / f"{short}.json"
            if not path.is_file():
                schemes.known_rows(short, beside, progress)
                progress.stage(f"{short}, peers")
                write_text(
                    path, json.dumps(network_rows(short, setting, beside.out / short, peers, progress), indent=2)
                )
            rows += json.loads(path.read_text(encoding="utf-8"))
    return write("quantizer_peers", rows, bars(rows, peers), setting.results)


def network_rows(short: str, setting: Setting, ours: Path, peers: Sequence[Peer], progress: Progress) -> list[Row]:
    """One network, in every runtime, by every tool."""
    network = setting.networks[short]
    dataset = network.load()
    test = evenly(dataset.test, setting.rows["test"])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-peers-") as folder:
        scratch = Path(folder)
        calibration = scratch / "calibration.npz"
        arrays.write(calibration, calibration_set(dataset.calibration, Quantize()).inputs)
        for runtime in (one.name for one in setting.hardware.runtimes):
            plain, chosen = shipped(ours, runtime)
            theirs = [one for one in peers if one.runtime == runtime]
            files = [File(FLOAT, "", plain), File(OURS, chosen.stem.rpartition("-")[2], chosen)]
            with progress.task(f"peers for {runtime}", len(theirs)) as task:
                for peer in theirs:
                    files.append(made_by(peer, plain, calibration, scratch))
                    task.advance()
            rows += [
                {"network": network.title, "runtime": runtime, **row}
                for row in file_rows(files, runtime, test, setting, scratch)
            ]
    return rows


def shipped(folder: Path, runtime: str) -> tuple[Path, Path]:
    """The fp32 file of a runtime, and the one that ships."""
    made = read_value(Made, folder / "made.json").artifacts
    paths = {one.scheme: folder / one.path for one in made if one.runtime == runtime}
    rows: list[Row] = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    scheme = next((row["scheme"] for row in rows if row["runtime"] == runtime and row["chosen"]), FLOAT)
    return paths[FLOAT], paths[str(scheme)]


def made_by(peer: Peer, plain: Path, calibration: Path, scratch: Path) -> File:
    """What a peer makes of an fp32 file. Tools change their input and leave things lying, so each has a folder."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    source, output = folder / f"source{plain.suffix}", folder / f"output{plain.suffix}"
    shutil.copy(plain, source)
    if not peer.python.is_file():
        return File(peer.tool, peer.way, None, f"not installed: {peer.environment} is missing in {CACHE}")
    command = [peer.python, PROGRAMS / peer.program, peer.way, source, calibration, output]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not output.is_file():
        return File(peer.tool, peer.way, None, f"failed: {' '.join((done.stderr.strip() or '?').splitlines()[-1:])}")
    return File(peer.tool, peer.way, output)


def file_rows(files: Sequence[File], runtime: str, test: Split, setting: Setting, scratch: Path) -> Iterator[Row]:
    """Accuracy and time of each file, all timed interleaved."""
    hardware = setting.hardware
    with devices.opened(hardware) as device:
        job.put_programs(device)
        inputs = tasks.put_sets(device, {"test": dict(test.inputs)})
        placed = {
            file.path: tasks.put_model(
                device, f"{number}", runtime, hardware.threads, file.path, hardware.opening(runtime)
            )
            for number, file in enumerate(files)
            if file.path
        }
        answers, notes = {}, {file.path: file.note for file in files}
        for path, model in placed.items():
            try:
                answers[path] = answered(device, model, inputs, len(test), scratch)
            except DeviceFailed as error:
                if path in (files[0].path, files[1].path):
                    raise
                notes[path] = f"does not run: {error.what}"
        sound = {path: model for path, model in placed.items() if path in answers}
        rotated = tasks.put_sets(device, {"samples": tasks.samples(dict(test.inputs))})
        timed = tasks.time_interleaved(device, list(sound.values()), rotated, setting.measure)
    times = {path: timed[model.name] for path, model in sound.items()}
    plain, ours = files[0].path, files[1].path
    for file in files:
        if file.path not in times:
            yield {"by": file.by, "way": file.way, "note": notes[file.path]}
            continue
        p50 = latency.block_percentile(times[file.path].blocks, 50)
        told = figures(file.path, answers, plain, test)
        yield {
            "by": file.by,
            "way": file.way,
            "MB": file.path.stat().st_size / 1e6,
            "p50 ms": p50.value / 1e6 if p50 else None,
            "/ fp32": ratio(times, file.path, plain),
            "ours / it": ratio(times, ours, file.path),
            **told,
            "note": "",
        }


def answered(device: Device, model: job.ModelFile, inputs: dict[str, str], rows: int, scratch: Path) -> Logits:
    """The logits of a file for the test rows."""
    tasks.ask(device, [model], inputs, scratch)
    return tasks.read_outputs(tasks.outputs_path(scratch, model.name, "test"), rows)


def figures(path: Path, answers: Mapping[Path, Logits], plain: Path, test: Split) -> Row:
    """What a file answers, against labels and against the float file."""
    return {
        "SQNR dB": sqnr_db(answers[path], answers[plain]),
        "accuracy %": 100 * scores.accuracy(answers[path], test.labels),
    }


def ratio(times: Mapping[Path, tasks.Timing], one: Path, other: Path) -> float | None:
    """How many times the other's latency a file takes, over interleaved blocks."""
    found = latency.ratio(times[one].blocks, times[other].blocks)
    return found.value if found else None


def bars(rows: Sequence[Row], peers: Sequence[Peer]) -> list[Bar]:
    """No peer is as accurate as what we ship and faster; and every peer had its say."""
    found = []
    for network, runtime in dict.fromkeys((row["network"], row["runtime"]) for row in rows):
        here = [row for row in rows if (row["network"], row["runtime"]) == (network, runtime)]
        ours = next(row for row in here if row["by"] == OURS)
        as_good = [
            float(row["ours / it"] or 0)
            for row in here
            if row["by"] not in (OURS, FLOAT) and not row["note"] and row["accuracy %"] >= ours["accuracy %"]
        ]
        what = f"{network}, {runtime}: ours / fastest peer that is no less accurate"
        found.append(at_most(what, max(as_good, default=0.0), TIE))
    for peer in peers:
        files = [row for row in rows if (row["by"], row["way"]) == (peer.tool, peer.way) and not row["note"]]
        found.append(at_least(f"{peer.tool}, {peer.way}: files that run", len(files), 1))
    return found


if __name__ == "__main__":
    asked, folder, in_seconds = schemes.arguments(__doc__, "runs/quantizer_peers")
    if in_seconds:
        quick = schemes.quick(folder)
        alone = [peer for peer in PEERS if peer.runtime == "onnxruntime" and peer.environment is None]
        sys.exit(main(quick, replace(quick, out=folder / "schemes"), alone))
    everything = schemes.full(folder, asked)
    sys.exit(main(everything, replace(everything, out=Path("runs/schemes")), PEERS))
