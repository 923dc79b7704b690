from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from l0gm_edge.core.engine import EngineSettings, Shapes


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"oldest": "11", "before": "10.3"}, "no TensorRT is at least 11"),
        ({"dla_core": 0, "oldest": "10.8"}, "no TensorRT after 10.7 has DLA"),
        ({"trtexec": {"onnx": "other"}}, "set from other keys"),
        ({"trtexec": {"int8": None}}, "precision is in the ONNX file"),
        ({"trtexec": {"a b": "x"}}, "should match pattern"),
        ({"optimization_level": 6}, "less than or equal to 5"),
        ({"oldest": "latest"}, "should match pattern"),
        ({"workspace": 3}, "Extra inputs"),
        ({"builder": "polygraphy"}, "Input should be 'tensorrt', 'trtexec' or 'tensorrt_rtx_bindings'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        EngineSettings.model_validate(settings)


@given(st.lists(st.tuples(*[st.integers(1, 9)] * 2), min_size=3, max_size=3))
def test_shapes_are_ordered(rows: list[tuple[int, ...]]) -> None:
    ordered = all(a <= b for low, high in pairwise(rows) for a, b in zip(low, high, strict=True))
    given = dict(zip(("least", "usual", "largest"), rows, strict=True))
    if ordered:
        assert Shapes.model_validate(given).largest == rows[2]
    else:
        with pytest.raises(ValidationError, match="least <= usual <= largest"):
            Shapes.model_validate(given)
