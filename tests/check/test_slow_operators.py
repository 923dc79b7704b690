"""Where a slower model loses its time."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.check.slow_operators import operator_changes, slow_operators
from l0gm_edge.core.measurement import LayerTime


@dataclass(frozen=True)
class Profiled:
    layers: tuple[LayerTime, ...] = ()
    fallback_ops: tuple[str, ...] = ()


def profiled(**ns: int) -> Profiled:
    return Profiled(tuple(LayerTime(name=name, op="Conv", mean_ns=one) for name, one in ns.items()))


def test_the_layer_is_named_where_both_models_have_it() -> None:
    told = slow_operators(
        profiled(stem=100, body=300, head=100), profiled(stem=100, body=200, head=100), "the baseline"
    )
    assert told == "it loses its time in Conv body (+25% of the baseline's operator time)"


def test_only_the_kind_is_named_where_names_differ() -> None:
    told = slow_operators(profiled(a=300, b=300), profiled(c=200, d=200), "fp32")
    assert told == "it loses its time in Conv (+50% of fp32's operator time)"


def test_nothing_to_say() -> None:
    assert slow_operators(profiled(a=100), profiled(a=100), "it") == "no single operator takes longer"
    assert slow_operators(Profiled(), profiled(a=100), "it") == "no per-operator times to say where"


def test_what_each_operator_takes_is_told_of_both_models() -> None:
    found = operator_changes(profiled(stem=100, body=300, extra=50), profiled(stem=100, body=200, head=100))
    assert [(one.operator, one.before, one.after) for one in found] == [
        ("Conv body", 0.5, 0.75),
        ("Conv extra", 0, 0.125),
        ("Conv stem", 0.25, 0.25),
        ("Conv head", 0.25, 0),
    ]
