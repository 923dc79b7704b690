"""What a device builds a TensorRT engine from beside the model: its description, and rows where TensorRT calibrates."""

from __future__ import annotations

import tempfile
from pathlib import Path

from l0gm_edge.backends import tensorrt
from l0gm_edge.core import store
from l0gm_edge.core.engine import EngineDescription, EngineSettings
from l0gm_edge.core.errors import IntegrityError
from l0gm_edge.devices import Device
from l0gm_edge.ondevice.tensorrt_engine import CALIBRATION, DESCRIPTION

AS_IT_IS = "as it is"


def put_beside(device: Device, model: Path, remote: str, settings: EngineSettings | None) -> None:
    """Copy what an .onnx file's engine is built from to where the file lies as `remote`.

    Without a description beside it, the file is described as it is. `settings`, where given, take the place of those of
    its description. Raises RefusedInput where they do not fit, IntegrityError for a description of another file.
    """
    description = _description(model, settings or EngineSettings())
    if settings is not None:
        description = description.model_copy(update={"settings": settings})
    rows = model.with_suffix(tensorrt.CALIBRATION)
    if description.calibration_sha256 is not None:
        store.require_digest(rows, description.calibration_sha256)
        device.put(rows, f"{remote}{CALIBRATION}")
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "description.json"
        store.write_value(told, description)
        device.put(told, f"{remote}{DESCRIPTION}")


def _description(model: Path, settings: EngineSettings) -> EngineDescription:
    beside = model.with_suffix(tensorrt.DESCRIPTION)
    if not beside.is_file():
        return tensorrt.described(model, AS_IT_IS, settings)
    found = store.read_value(EngineDescription, beside)
    if found.sha256 != store.file_sha256(model):
        raise IntegrityError(
            f"this is the description of another file than {model.name}",
            where=str(beside),
            todo="compile again, or put the file away to have the model described as it is",
        )
    return found
