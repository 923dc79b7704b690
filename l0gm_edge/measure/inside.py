"""What every tensor of a model holds on the device, for files whose inner tensors were all made outputs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import arrays as npz
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.devices import Device
from l0gm_edge.measure import job
from l0gm_edge.measure.job import Arrays, ModelFile, TensorsJob

NAMES = "names"


def look(device: Device, model: ModelFile, rows: Arrays) -> dict[str, NDArray[np.float32]]:
    """What the model gives in floats to each row, by the output's name, (n, ...) each.

    Raises DeviceFailed, also when what came back cannot be read.
    """
    count = len(next(iter(rows.values())))
    job.put_arrays(device, rows, "looked-into.npz")
    asked = TensorsJob(name=f"tensors-{model.name}", models=(model,), inputs={"rows": "looked-into.npz"})
    (found,) = job.run(device, asked).models
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as folder:
        path = Path(folder) / "tensors.npz"
        device.get(found.outputs.get("rows", ""), path)
        try:
            given = npz.read(path)
            named = [(str(name), given[f"arr_{number}"]) for number, name in enumerate(given[NAMES])]
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise DeviceFailed(f"the tensors that came back are not readable: {error}", where=model.name) from error
    return {name: values for name, values in named if values.dtype == np.float32 and len(values) == count}
