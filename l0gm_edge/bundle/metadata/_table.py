"""Flatbuffers from nested Python values, for schemas that come without generated code.

A table is a tuple of its fields in the schema's order, None where one is left out. Lists are vectors (of floats, or of
strings and tables), integers are bytes. A union takes two fields: which of its tables it is, counted from 1, and that.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

Table = tuple[Any, ...]
Field = str | int | list[Any] | Table


def packed(root: Table, identifier: bytes) -> bytes:
    """A flatbuffer whose root is the table, with a four-letter file identifier."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_put(builder, root), file_identifier=identifier)
    return bytes(builder.Output())


def _put(builder: flatbuffers.Builder, value: Field) -> int:
    """Write a string, vector or table; returns where it lies."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, tuple):
        return _put_table(builder, value)
    if isinstance(value, int):
        raise TypeError("an integer stands in a table only")
    if value and isinstance(value[0], float):
        return int(builder.CreateNumpyVector(np.array(value, np.float32)))
    places = [_put(builder, one) for one in value]
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return int(builder.EndVector())


def _put_table(builder: flatbuffers.Builder, fields: Table) -> int:
    placed = [
        (slot, field if isinstance(field, int) else _put(builder, field))
        for slot, field in enumerate(fields)
        if field is not None
    ]
    builder.StartObject(len(fields))
    for slot, place in placed:
        if isinstance(fields[slot], int):
            builder.PrependUint8Slot(slot, place, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return int(builder.EndObject())
