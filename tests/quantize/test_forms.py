"""The form of each layer: never slower by its own figures, within the limit of noise, and off no fast path."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.backends import DYNAMIC, FLOAT, STATIC, LayerCost, Sensitivity
from l0gm_edge.quantize.forms import choices, off_the_fast_path

FORMS = (STATIC, DYNAMIC)
Figures = tuple[list[Sensitivity], dict[str, dict[str, LayerCost]]]


def layer(name: str, form: str = STATIC, *, noise: float = 1e-6, multiplications: int = 100) -> Sensitivity:
    op = "Gemm" if multiplications else "Gather"
    return Sensitivity(layer=name, op=op, form=form, multiplications=multiplications, noise=noise)


def took(**ns: float) -> dict[str, LayerCost]:
    return {name: LayerCost(ns=value) for name, value in ns.items()}


@st.composite
def figures(draw: st.DrawFn) -> Figures:
    names = [f"l{number}" for number in range(draw(st.integers(1, 6)))]
    noises = st.floats(0, 1) | st.just(math.inf)
    layers = [layer(name, form, noise=draw(noises)) for name in names for form in FORMS if draw(st.booleans())]
    costs = {
        form: {name: LayerCost(ns=draw(st.integers(1, 100)), fast=draw(st.booleans())) for name in names}
        for form in (FLOAT, *FORMS)
    }
    return layers, costs


@given(figures())
def test_a_choice_is_no_slower_than_float_keeps_its_limit_and_stays_on_the_fast_path(found: Figures) -> None:
    layers, costs = found
    noise = {(one.layer, one.form): one.noise for one in layers}
    taken = choices(layers, costs)
    assert len({tuple(sorted(forms.items())) for forms in taken.values()}) == len(taken), "each stands once"
    for limit_db, forms in taken.items():
        assert forms
        assert all(costs[form][name].ns <= costs[FLOAT][name].ns for name, form in forms.items())
        total = sum(noise[name, form] for name, form in forms.items())
        assert math.isfinite(total)
        assert limit_db is None or total <= 10 ** (-limit_db / 10) * (1 + 1e-9)
        assert all(costs[form][name].fast or not costs[FLOAT][name].fast for name, form in forms.items())


def test_less_noise_is_allowed_the_fewer_layers_change() -> None:
    layers = [layer("quiet", noise=1e-5), layer("loud", noise=2e-3), layer("deafening", noise=0.5)]
    costs = {FLOAT: took(quiet=10, loud=10, deafening=10), STATIC: took(quiet=5, loud=4, deafening=1)}
    assert choices(layers, costs) == {
        40.0: {"quiet": STATIC},
        20.0: {"quiet": STATIC, "loud": STATIC},
        None: {"quiet": STATIC, "loud": STATIC, "deafening": STATIC},
    }


def test_a_layer_may_take_the_form_that_suits_it() -> None:
    layers = [layer("a"), layer("a", DYNAMIC), layer("b"), layer("b", DYNAMIC), layer("c")]
    costs = {FLOAT: took(a=9, b=9, c=9), STATIC: took(a=3, b=5, c=12), DYNAMIC: took(a=4, b=4)}
    assert choices(layers, costs) == {40.0: {"a": STATIC, "b": DYNAMIC}}


def test_an_embedding_is_quantized_for_the_file_where_it_costs_next_to_nothing() -> None:
    table, big = layer("table", multiplications=0), layer("big")
    plain = {FLOAT: took(table=5, big=1000)}
    assert choices([table, big], {**plain, STATIC: took(table=14, big=2000)}) == {40.0: {"table": STATIC}}
    assert choices([table, big], {**plain, STATIC: took(table=18, big=2000)}) == {}


def test_what_leaves_the_fast_path_is_named_and_stays_float() -> None:
    layers = [layer("a"), layer("b")]
    costs = {FLOAT: took(a=9, b=9), STATIC: {"a": LayerCost(ns=1, fast=False), "b": LayerCost(ns=1)}}
    assert choices(layers, costs) == {40.0: {"b": STATIC}}
    assert off_the_fast_path(layers, costs) == ("a (Gemm, static)",)


def test_layers_that_a_profile_does_not_show_stay_float() -> None:
    costs = {FLOAT: took(a=9), STATIC: took(b=1)}
    assert choices([layer("a"), layer("b")], costs) == {}
