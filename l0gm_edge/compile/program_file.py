"""A torch.export archive (.pt2) from outside, read so that nothing in it is executed before the program is run.

`torch.export.load` unpickles whatever the file holds, and falls back to the unsafe way where the safe one fails. So it
is given a new archive, made of the members that were looked through here, and never the file itself.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram
from torch.export.pt2_archive._package import load_pt2

from l0gm_edge.compile import program_text, zip_archive
from l0gm_edge.compile.sound_weights import require_finite
from l0gm_edge.compile.zip_archive import refused
from l0gm_edge.core.errors import RefusedInput

LARGEST = 8 * 2**30
GRAPH, SAMPLES = "models/model.json", "data/sample_inputs/model.pt"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
PAYLOADS = {WEIGHTS: ("data/weights/", r"weight_\d+"), CONSTANTS: ("data/constants/", r"tensor_\d+")}
MARKS = ("archive_format", "archive_version", "byteorder", ".data/version", "version", ".format_version")
"""Members that only say which version wrote the archive, and for which byte order."""
# Bytes of an element by the number that torch writes for its type.
ITEM_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 2, 7: 4, 8: 8, 12: 1, 13: 2, 28: 2, 29: 1, 30: 1, 34: 4, 35: 8}


def read(path: Path) -> ExportedProgram:
    """The program in a .pt2 file.

    Raises RefusedInput, before torch interprets anything of it, for a file that is cut short, hides compressed or
    foreign members, holds pickled objects, operators that no network has, absurd shapes, or weights that are not
    finite; and for programs of another torch version that this one cannot read.
    """
    where = str(path)
    if not path.is_file():
        raise RefusedInput("there is no such model file", where=where)
    if path.stat().st_size > LARGEST:
        raise refused(where, f"it is larger than {LARGEST // 2**30} GiB")
    held = zip_archive.members(path.read_bytes(), where)
    sound = zip_archive.packed(_sound(held, where))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how torch's own versions differ
            program = load_pt2(io.BytesIO(sound)).exported_programs["model"]
    except Exception as error:  # whatever torch's deserializer raises on a graph that contradicts itself
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise refused(where, f"torch {torch.__version__} cannot read it ({type(error).__name__}: {said})") from error
    require_finite(_tensors(program), path)
    return program


def _sound(held: dict[str, bytes], where: str) -> dict[str, bytes]:
    """The members that a program needs, each looked through."""
    for needed in (GRAPH, SAMPLES, WEIGHTS, CONSTANTS, "archive_format", "archive_version"):
        if needed not in held:
            raise refused(where, f"it lacks {needed}")
    taken = {name: held[name] for name in MARKS if name in held}
    taken[GRAPH] = program_text.cleaned(held[GRAPH], where)
    for config, (folder, form) in PAYLOADS.items():
        taken[config] = held[config]
        for name in _payloads(held, config, folder, form, where):
            taken[name] = held[name]
    _require_plain_samples(held[SAMPLES], where)
    taken[SAMPLES] = held[SAMPLES]
    return taken


def _payloads(held: dict[str, bytes], config: str, folder: str, form: str, where: str) -> Iterator[str]:
    """The members that hold a config's tensors: raw numbers, no pickles, as many as the shapes need."""
    try:
        for name, one in json.loads(held[config])["config"].items():
            if one["use_pickle"] is not False or not re.fullmatch(form, one["path_name"]):
                raise refused(where, f"'{name}' is pickled, and unpickling runs whatever code it holds")
            member, meta = f"{folder}{one['path_name']}", one["tensor_meta"]
            if _bytes_needed(meta) > len(held[member]) or len(held[member]) % ITEM_BYTES[meta["dtype"]]:
                raise refused(where, f"'{name}' is larger than the {len(held[member])} bytes that are there")
            yield member
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refused(where, f"{config} cannot be read ({type(error).__name__}: {error})") from error


def _bytes_needed(meta: dict[str, Any]) -> int:
    """From the first byte of its member to behind the tensor's last element."""
    sizes, strides = ([int(one["as_int"]) for one in meta[key]] for key in ("sizes", "strides"))
    offset = int(meta["storage_offset"]["as_int"])
    if len(sizes) != len(strides) or min(*sizes, *strides, offset, 0) < 0:
        raise ValueError("a negative size")
    if 0 in sizes:
        return 0
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    return (last + 1) * ITEM_BYTES[meta["dtype"]]


def _require_plain_samples(content: bytes, where: str) -> None:
    """The example inputs are tensors and plain values: what `torch.load` can read without running code."""
    zip_archive.members(content, f"{where}: {SAMPLES}")
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:  # the restricted unpickler raises many kinds
        raise refused(where, "its example inputs are pickled objects of other classes than tensors") from error


def _tensors(program: ExportedProgram) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, value in {**program.state_dict, **program.constants}.items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            yield name, np.asarray(value.detach().to(torch.float64 if value.dtype is torch.float64 else torch.float32))
