"""Parts of a network: which parameters they are, and that the others stay as they were."""

from __future__ import annotations

import pytest
import token_models
import torch

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.phases import EVERYTHING, Part
from l0gm_edge.learn import parts


def test_every_parameter_belongs_to_one_part() -> None:
    model = token_models.model(token_models.recipe("towers"))
    found = parts.parameters(model)
    names = {id(value): name for name, value in model.named_parameters()}
    assert sorted(names[id(one)] for each in found.values() for one in each) == sorted(names.values())
    assert {names[id(one)] for one in found[Part.HEAD]} == {"head.weight", "head.bias"}
    assert len(found[Part.ROUTERS]) == 2 * 6
    assert all(".router." in names[id(one)] for one in found[Part.ROUTERS])


@pytest.mark.parametrize("trains", [(Part.ROUTERS,), (Part.HEAD,), (Part.BODY, Part.HEAD), EVERYTHING])
def test_only_what_is_to_learn_gets_gradients_and_frozen_bodies_do_not_drop_out(trains: tuple[Part, ...]) -> None:
    model = token_models.model(token_models.recipe("towers"))
    with parts.learning(model, trains):
        assert model.training is (Part.BODY in trains)
        model(**token_models.example(4)).square().sum().backward()
    for part, found in parts.parameters(model).items():
        assert all((one.grad is not None) is (part in trains) for one in found)
        assert all(one.requires_grad for one in found)


def test_a_part_that_is_not_there_cannot_learn() -> None:
    single = token_models.model(token_models.recipe("towers", experts=1))
    with pytest.raises(RecipeError, match=r"phase 1-selection: the model has no routers to train") as refused:
        parts.require_some(single, (Part.ROUTERS,), "learn.before, phase 1-selection")
    assert refused.value.allowed == "head, body"
    parts.require_some(single, EVERYTHING, "learn.trains")
    with pytest.raises(RecipeError, match="no head"):
        parts.require_some(torch.nn.Linear(2, 2), (Part.HEAD,), "learn.trains")
