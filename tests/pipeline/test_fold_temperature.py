"""A temperature folded on the road: the model that goes to the runtimes needs no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core import arrays, scores, store
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.data import load
from l0gm_edge.pipeline import run_stage


@pytest.mark.slow
def test_logits_of_a_folded_model_want_no_temperature(
    recipe: Recipe, hardware: HardwareProfile, out: Path, torch_as_it_was: None
) -> None:
    labels = load(recipe.data.name).validation.labels
    logits, temperatures = {}, {}
    for folded in (False, True):
        learn = recipe.learn.model_copy(update={"fold_temperature": folded})
        store.write_value(out / "recipe.json", recipe.model_copy(update={"learn": learn}))
        store.write_value(out / "hardware.json", hardware)
        run_stage(out, "recover")
        logits[folded] = arrays.read(out / "recover" / "logits.npz")
        temperatures[folded] = scores.fit_temperature(logits[folded]["validation"], labels)
    assert abs(temperatures[False] - 1) > 0.02
    assert temperatures[True] == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(logits[True]["test"], logits[False]["test"] / temperatures[False], rtol=2e-2, atol=1e-4)
