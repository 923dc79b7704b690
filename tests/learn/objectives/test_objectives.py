"""Every objective: a loss that reaches what it should, and the logits of the same pass."""

from __future__ import annotations

import pytest
import token_models
import torch
from torch import Tensor, nn

from l0gm_edge.core import plugins
from l0gm_edge.core.phases import Part
from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import objectives, parts
from l0gm_edge.learn.objectives import selection, specialization

LEARN = Learn(steps=1)
LABELS = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


FUSIONS = {"contrastive": "tower"}
"""That an objective is for, where it does not take any."""


def tower_model(fusion: str = "towers") -> nn.Module:
    return token_models.model(token_models.recipe(fusion))


def gradients(model: nn.Module, loss: Tensor) -> dict[Part, bool]:
    loss.backward()
    return {
        part: any(one.grad is not None and bool(one.grad.any()) for one in found)
        for part, found in parts.parameters(model).items()
    }


@pytest.mark.parametrize("name", plugins.names("l0gm_edge.learn.objectives"))
def test_defines_what_the_protocol_asks(name: str) -> None:
    model, inputs = tower_model(FUSIONS.get(name, "towers")).eval(), token_models.example(8)
    objective = objectives.plugin(name)
    loss, logits = objective.loss(model, inputs, LABELS, LEARN)
    assert isinstance(objective.ROUTES, bool)
    assert loss.shape == ()
    torch.testing.assert_close(logits, model(**inputs))
    assert gradients(model, loss) == {
        Part.ROUTERS: True,
        Part.HEAD: name in ("aligned", "classification", "contrastive"),
        Part.BODY: True,
    }


def test_specialization_is_lower_for_rows_that_differ_and_modalities_that_agree() -> None:
    inputs = token_models.example(8)
    alike = {name: values[:1].expand(8, *values.shape[1:]) for name, values in inputs.items()}
    model = tower_model().eval()
    with torch.no_grad():
        different = specialization.loss(model, inputs, LABELS, LEARN)[0]
        same = specialization.loss(model, alike, LABELS, LEARN)[0]
    assert float(different) < float(same)
    assert float(same) > 2 * torch.log(torch.tensor(8.0)) - 1e-4, "within and across, chance is log n each"


def test_augmentation_makes_the_second_view(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[float, list[int]]] = []
    monkeypatch.setattr(
        specialization, "augmented", lambda inputs, share: seen.append((share, [*map(len, inputs.values())])) or inputs
    )
    specialization.loss(tower_model(), token_models.example(4), LABELS[:4], LEARN)
    assert seen == []
    settings = Learn(steps=1, augment=True, drop_words=0.3)
    specialization.loss(tower_model(), token_models.example(4), LABELS[:4], settings)
    assert seen == [(0.3, [4, 4, 4])]


def test_selection_reads_labels_and_specialization_does_not() -> None:
    model, inputs = tower_model().eval(), token_models.example(8)
    others = LABELS.sort().values
    with torch.no_grad():
        for objective, reads in ((selection, True), (specialization, False)):
            losses = [objective.loss(model, inputs, labels, LEARN)[0] for labels in (LABELS, others)]
            assert (float(losses[0]) != float(losses[1])) is reads
