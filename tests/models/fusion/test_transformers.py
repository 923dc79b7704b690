"""Fusions over tokens: what padding and other rows may not change, what a recipe must give, and the exact cut."""

from __future__ import annotations

import pytest
import token_models
import torch

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.recipe import SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.prune.prune import prune

FUSIONS = ("early", "reasoning", "tower", "towers")


@pytest.mark.parametrize("name", FUSIONS)
def test_padding_is_not_read(name: str) -> None:
    model = token_models.model(token_models.recipe(name)).eval()
    inputs = token_models.example(3)
    before = model(**inputs)
    positions = [one for path, one in model.named_parameters() if path.endswith("words.position")]
    positions += [one for path, one in model.named_parameters() if "words.tokenizer.position" in path]
    with torch.no_grad():
        positions[0][4:] += 100
    torch.testing.assert_close(model(**inputs), before)
    with torch.no_grad():
        positions[0][:4] += torch.randn(4, 16)
    assert not torch.allclose(model(**inputs), before)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_row_does_not_depend_on_the_others(name: str) -> None:
    model = token_models.model(token_models.recipe(name)).eval()
    inputs = token_models.example(5)
    alone = torch.cat([model(**{key: values[row : row + 1] for key, values in inputs.items()}) for row in range(5)])
    torch.testing.assert_close(model(**inputs), alone)
    assert alone.shape == (5, token_models.CLASSES)


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("missing", ["transformer", "tokens"])
def test_what_it_does_not_get_is_named(name: str, missing: str) -> None:
    config = token_models.recipe(name)
    without = config.model.model_copy(update={missing: {}})
    with pytest.raises(RecipeError, match=rf"model\.fusion: '{name}' needs {missing}") as refused:
        token_models.model(config.model_copy(update={"model": without}))
    assert refused.value.todo == f"give the key model.{missing}"


@pytest.mark.parametrize("name", FUSIONS)
def test_its_cut_is_exact_and_reaches_heads_hidden_widths_and_experts(name: str) -> None:
    config = token_models.recipe(name, Target(parameter_fraction=0.4))
    model = token_models.model(config)
    session = Session(model, token_models.example(), config.gates, {}, model.interface_layers())
    kinds = {site.kind for site in session.base_layout.sites}
    assert kinds >= {SiteKind.WIDTH, SiteKind.HEADS, SiteKind.HIDDEN, SiteKind.EXPERTS, SiteKind.BLOCKS}
    session.begin(1)
    model.train()(**token_models.example(8)).square().mean().backward()
    session.step(torch.optim.AdamW(model.parameters(), lr=1e-3))
    found = prune(model, session, token_models.example(16, seed=1), "", config.seed)
    assert found.exactness.worst <= 1e-5
    assert found.plan.parameters_after <= 0.4 * found.plan.parameters_before
