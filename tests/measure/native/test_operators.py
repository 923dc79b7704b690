"""Operator times as `benchmark_model` writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.measure.native import operators

# A run of TensorFlow Lite's tool on a small network, from a public script that parses such files; the table is cut to
# its first four operators.
REAL = """\
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
AllocateTensors, 0, 0.029, 0.029, 100%, 100%, 0, 1, AllocateTensors/0

Number of nodes executed: 1
============================== Summary by node type ==============================
node type, count, avg_ms, avg %, cdf %, mem KB, times called
AllocateTensors, 1, 0.029, 100%, 100%, 0, 1

Timings (microseconds): count=1 curr=29
Memory (bytes): count=0
1 nodes observed


Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
CONV_2D, 0, 0.11, 0.0930388, 44.8994%, 44.8994%, 0, 1, [sequential_11/conv2d_33/Conv2D]:0
ELU, 0.0931277, 0.034, 0.0300884, 14.5203%, 59.4197%, 0, 1, [sequential_11/conv2d_33/Elu]:1
AVERAGE_POOL_2D, 0.123291, 0.026, 0.0272269, 13.1394%, 72.559%, 0, 1, [sequential_11/average_pooling2d_22/AvgPool]:2
SOFTMAX, 0.207468, 0.001, 0.000342312, 0.165195%, 100%, 0, 1, [Identity]:11

============================== Top by Computation Time ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
CONV_2D, 0, 0.11, 0.0930388, 44.8994%, 44.8994%, 0, 1, [sequential_11/conv2d_33/Conv2D]:0
"""
# Written after tensorflow/lite/profiling/profile_summarizer.cc and profile_summary_formatter.cc, without `start`, as
# newer releases have it.
DELEGATED = """\
Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
FLOOR_MOD, 0.01, 0.01, 5%, 5%, 0, 1, [a;b, c]:4
TfLiteXNNPackDelegate, 0.1, 0.1, 50%, 55%, 0, 1, [y]:7
GATHER, 0.02, 0.02, 5%, 100%, 0, 3, [z]:5

Delegate internal:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
DelegateOpInvoke, 0.06, 0.06, 50%, 50%, 0, 1, Delegate/Convolution (NHWC, F32) IGEMM:0
DelegateOpInvoke, 0.04, 0.04, 50%, 100%, 0, 1, Delegate/Fully Connected (NC, F32) GEMM:1

"""


def test_operators_come_in_the_order_they_ran_with_their_numbers() -> None:
    found = operators.read(REAL)
    assert [(one.op, one.mean_ns, one.node) for one in found.layers] == [
        ("CONV_2D", 93_039, 0),
        ("ELU", 30_088, 1),
        ("AVERAGE_POOL_2D", 27_227, 2),
        ("SOFTMAX", 342, 11),
    ]
    assert found.layers[0].name == "sequential_11/conv2d_33/Conv2D"
    assert found.fallback_ops == ()


def test_a_delegate_s_own_operators_take_its_place() -> None:
    found = operators.read(DELEGATED)
    assert [(one.op, one.mean_ns) for one in found.layers] == [
        ("FLOOR_MOD", 10_000),
        ("Convolution (NHWC, F32) IGEMM", 60_000),
        ("Fully Connected (NC, F32) GEMM", 40_000),
        ("GATHER", 60_000),
    ]
    assert (found.layers[0].name, found.layers[0].node) == ("a;b, c", 4)
    assert found.fallback_ops == ("FLOOR_MOD", "GATHER")


def test_a_delegate_that_tells_nothing_of_itself_stays_one_node() -> None:
    found = operators.read(DELEGATED.partition("Delegate internal")[0])
    assert [one.op for one in found.layers] == ["FLOOR_MOD", "TfLiteXNNPackDelegate", "GATHER"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Operator-wise", "Operators", "wrote no table"),
        ("avg_ms, %", "avg, %", "its head names other columns"),
        ("0, 1, [y]:7", "", "cut short"),
        ("0.1, 0.1, 50%", "0.1, nan, 50%", "a time makes no sense"),
        ("0.1, 0.1, 50%", "0.1, -1, 50%", "a time makes no sense"),
        ("0.1, 0.1, 50%", "0.1, fast, 50%", "could not convert"),
        ("FLOOR_MOD, 0.01", "\nFLOOR_MOD, 0.01", "empty"),
    ],
)
def test_a_table_that_makes_no_sense_is_none(old: str, new: str, why: str) -> None:
    found = operators.read(DELEGATED.replace(old, new, 1))
    assert found.layers == ()
    assert why in (found.unavailable or "")


@given(st.text() | st.integers(0, len(DELEGATED)).map(lambda end: DELEGATED[:end]), st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str, more: str) -> None:
    found = operators.read(text + more)
    assert bool(found.layers) != bool(found.unavailable)
    assert all(one.mean_ns > 0 for one in found.layers)
