"""Thresholds that keep a share of the pairs: on the rows they were set on exactly, and for each row by itself."""

from __future__ import annotations

import numpy as np
import pytest
import token_models
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.learn.sparsify import kept_pairs, sparsify
from l0gm_edge.models.moe import MoE


def network(fusion: str = "towers", top_k: int = 2) -> nn.Module:
    """Routers that tell tokens apart."""
    config = token_models.recipe(fusion)
    moe = config.moe.model_copy(update={"kept_pairs": 0.5, "top_k": top_k})
    model = token_models.model(config.model_copy(update={"moe": moe}))
    for layer in layers(model).values():
        nn.init.normal_(layer.router.weight)
    return model


def layers(model: nn.Module) -> dict[str, MoE]:
    return {path: layer for path, layer in model.named_modules() if isinstance(layer, MoE)}


def split(n: int, seed: int = 0) -> Split:
    inputs = {name: values.numpy() for name, values in token_models.example(n, seed).items()}
    return Split(inputs, np.zeros(n, dtype=np.int64))


PAIRS = {"audio": 6, "image": 4, "words": 4}
"""Tokens of a row that are there; two of the words only pad."""


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0.02, 1), rows=st.integers(3, 40), top_k=st.integers(1, 3))
def test_every_layer_keeps_the_share_to_the_pair_whatever_the_layers_before_it_drop(
    share: float, rows: int, top_k: int
) -> None:
    model, seen = network(top_k=top_k), split(rows)
    sparsify(model, seen, share)
    kept = kept_pairs(model, seen)
    assert list(kept) == list(layers(model))
    for path, found in kept.items():
        pairs = rows * top_k * PAIRS[path.split(".")[1]]
        assert round(found * pairs) == pytest.approx(max(1, round(share * pairs)), abs=1e-9)


def test_all_pairs_are_kept_before_and_where_all_are_asked_for() -> None:
    model, seen = network(), split(20)
    assert set(kept_pairs(model, seen).values()) == {1.0}
    sparsify(model, seen, 0.3)
    sparsify(model, seen, 1.0)
    assert {float(layer.threshold) for layer in layers(model).values()} == {0.0}


def test_what_only_pads_has_no_say() -> None:
    model, seen = network(), split(20)
    sparsify(model, seen, 0.4)
    before = [float(layer.threshold) for layer in layers(model).values()]
    with torch.no_grad():
        for path, value in model.named_parameters():
            if path.endswith("words.tokenizer.position"):
                value[4:] += 50
    sparsify(model, seen, 0.4)
    assert [float(layer.threshold) for layer in layers(model).values()] == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("fusion", ["towers", "early"])
def test_a_batch_of_one_is_answered_as_in_a_batch_of_256(fusion: str) -> None:
    model = network(fusion).eval()
    sparsify(model, split(100, seed=1), 0.5)
    inputs = token_models.example(256, seed=2)
    with torch.no_grad():
        together = model(**inputs)
        alone = torch.cat(
            [model(**{name: values[row : row + 1] for name, values in inputs.items()}) for row in range(256)]
        )
        for layer in layers(model).values():
            layer.threshold.zero_()
        whole = model(**inputs)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together, whole, atol=1e-2), "dropped pairs are to matter"


def test_the_mode_of_every_module_stays_and_models_without_thresholds_are_left_alone() -> None:
    model = network().train()
    sparsify(model, split(10), 0.5)
    assert all(module.training for module in model.modules())
    plain = token_models.model(token_models.recipe("towers"))
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    sparsify(plain, split(10), 0.5)
    assert kept_pairs(plain, split(10)) == {}
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def test_rows_come_in_batches_without_a_say_in_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut, seen = network(), network(), split(23)
    sparsify(whole, seen, 0.3)
    monkeypatch.setattr("l0gm_edge.learn.sparsify.ROWS", 7)
    sparsify(cut, seen, 0.3)
    for path, layer in layers(whole).items():
        assert float(layer.threshold) == pytest.approx(float(layers(cut)[path].threshold), abs=1e-6)
