"""Distillation: what is imitated is measured right, whatever the widths, and goes on from a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics.pairwise import cosine_similarity
from torch import Tensor, nn

from l0gm_edge.core.distillation import Distill, Features, Relations
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.learn import losses
from l0gm_edge.learn.distill import LinearMap, Teacher, relations, tapped


class Net(nn.Module):
    """Two hidden layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, width))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x).tanh())


def test_the_residual_is_what_a_linear_regression_leaves() -> None:
    draw = np.random.default_rng(0)
    ours, theirs = draw.normal(size=(400, 5)), draw.normal(size=(400, 3))
    theirs += ours @ draw.normal(size=(5, 3))
    expected = LinearRegression().fit(ours, theirs).predict(ours)
    share = ((theirs - expected) ** 2).mean() / ((theirs - theirs.mean(0)) ** 2).mean()
    found = LinearMap().residual(torch.tensor(ours).float(), torch.tensor(theirs).float())
    assert float(found) == pytest.approx(share, rel=1e-3)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000))
def test_a_student_from_which_the_teacher_follows_linearly_has_nothing_to_learn(
    extra: int, wanted: int, seed: int
) -> None:
    torch.manual_seed(seed)
    student = torch.randn(64, wanted + extra)
    teacher = student @ torch.randn(wanted + extra, wanted) + 3
    assert float(LinearMap().residual(student, teacher)) < 1e-3


@pytest.mark.parametrize("shape", [(8, 5, 4), (8, 4, 3, 3), (8, 4, 2, 2, 2), (8, 4)])
def test_features_lie_on_the_last_axis_and_those_of_maps_on_the_first_after_the_samples(shape: tuple[int, ...]) -> None:
    student = torch.randn(shape)
    axis = 1 if len(shape) > 3 else -1
    narrow = student.narrow(axis, 0, 2)  # what a cut leaves
    rows = narrow.movedim(axis, -1).reshape(-1, 2), student.movedim(axis, -1).reshape(-1, 4)
    assert float(LinearMap().residual(narrow, student)) == pytest.approx(float(LinearMap().residual(*rows)))


def test_the_map_is_that_of_the_last_batches() -> None:
    batches = [(torch.randn(4, 6), torch.randn(4, 6)) for _ in range(200)]
    each = LinearMap()
    found = [float(each.residual(*batch)) for batch in batches]
    assert found[0] < 0.01  # any four samples can be mapped
    assert np.mean(found[-50:]) > 0.5  # but not two hundred


def test_other_positions_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"outputs of shape \(2, 3, 4\) and \(2, 5, 4\)"):
        LinearMap().residual(torch.randn(2, 3, 4), torch.randn(2, 5, 4))


def test_relations_are_differences_of_cosines() -> None:
    ours, theirs = torch.randn(7, 5), torch.randn(7, 2, 4)
    apart = cosine_similarity(ours.numpy()) - cosine_similarity(theirs.flatten(1).numpy())
    off_diagonal = apart[~np.eye(7, dtype=bool)]
    assert float(relations(ours, theirs)) == pytest.approx(float((off_diagonal**2).mean()), rel=1e-4)


@given(st.floats(0.1, 10), st.integers(0, 10_000))
def test_relations_see_neither_scale_nor_rotation_nor_added_zeros(scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    teacher = torch.randn(6, 4)
    rotation, _ = torch.linalg.qr(torch.randn(4, 4))
    student = torch.cat([scale * teacher @ rotation, torch.zeros(6, 3)], dim=1)
    assert float(relations(student, teacher)) < 1e-9


def test_one_sample_has_no_relations() -> None:
    assert float(relations(torch.randn(1, 3), torch.randn(1, 5))) == pytest.approx(0, abs=1e-12)


def test_the_loss_is_the_weighted_sum_of_its_parts() -> None:
    student, model = Net(4), Net(8)
    distill = Distill(
        weight=0.3,
        temperature=3,
        features=Features(weight=2, at=("trunk.0", "trunk")),
        relations=Relations(weight=5, at="trunk"),
    )
    teacher = Teacher(model, distill)
    x, hard = torch.randn(16, 6), torch.tensor(1.5)
    with tapped(student, teacher.taps) as seen:
        logits = student(x)
    found = teacher.loss(hard, logits, seen, {"x": x})
    pairs = [(student.trunk[0](x), model.trunk[0](x)), (student.trunk(x), model.trunk(x))]
    features = sum(LinearMap().residual(*pair) for pair in pairs) / 2
    soft = losses.distillation(logits, model(x), 3)
    expected = 0.7 * hard + 0.3 * soft + 2 * features + 5 * relations(*pairs[1])
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_only_the_student_learns_and_it_comes_nearer() -> None:
    student, model = Net(4), Net(8)
    teacher = Teacher(model, Distill(features=Features(at=("trunk",)), relations=Relations(at="trunk")))
    x = torch.randn(64, 6)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    found = []
    for _ in range(60):
        with tapped(student, teacher.taps) as seen:
            logits = student(x)
        loss = teacher.loss(torch.tensor(0.0), logits, seen, {"x": x})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.7 * found[0]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_no_hook_stays_on_either_model() -> None:
    student = Net(4)
    with tapped(student, ("trunk", "trunk.0")) as seen:
        student(torch.randn(2, 6))
    assert set(seen) == {"trunk", "trunk.0"}
    assert not any(module._forward_hooks for module in student.modules())


def test_a_state_goes_on_to_the_same_loss() -> None:
    student, model = Net(4), Net(8)
    distill = Distill(features=Features(at=("trunk", "trunk.0")))
    first, second = Teacher(model, distill), Teacher(model, distill)

    def loss(teacher: Teacher, x: Tensor) -> float:
        with tapped(student, teacher.taps) as seen:
            logits = student(x)
        return teacher.loss(torch.tensor(0.0), logits, seen, {"x": x}).item()

    loss(first, torch.randn(16, 6))
    second.load_state_dict(first.state_dict())
    x = torch.randn(16, 6)
    assert loss(first, x) == loss(second, x)


def test_a_student_that_is_cut_meanwhile_gets_a_new_map() -> None:
    each = LinearMap()
    each.residual(torch.randn(8, 5), torch.randn(8, 4))
    assert float(each.residual(torch.randn(8, 3), torch.randn(8, 4))) >= 0


def test_a_tap_that_is_in_neither_model_gets_the_nearest_name() -> None:
    teacher = Teacher(Net(4), Distill(features=Features(at=("trunk.0", "trunc"))))
    with pytest.raises(RecipeError, match=r"the model has no module 'trunc'; did you mean 'trunk'\?"):
        teacher.require_taps(Net(4))


def test_relations_of_several_modules_reach_across_them() -> None:
    student, model = Net(4), Net(4)
    at = ("trunk.0", "trunk")
    teacher = Teacher(model, Distill(weight=0.5, relations=Relations(weight=2, at=at)))
    x = torch.randn(6, 6)
    with tapped(student, teacher.taps) as seen:
        logits = student(x)
    both = [torch.cat([net.trunk[0](x), net.trunk(x)]) for net in (student, model)]
    found = teacher.loss(torch.tensor(0.0), logits, seen, {"x": x})
    soft = losses.distillation(logits, model(x), 2)
    assert found.item() == pytest.approx((0.5 * soft + 2 * relations(*both)).item(), rel=1e-5)


def test_modules_of_other_widths_have_no_relations_across() -> None:
    teacher = Teacher(Net(4), Distill(relations=Relations(at=("trunk", "head"))))
    x = torch.randn(6, 6)
    with tapped(net := Net(4), teacher.taps) as seen:
        logits = net(x)
    with pytest.raises(RecipeError, match=r"distill\.relations\.at: outputs of widths 4, 3"):
        teacher.loss(torch.tensor(0.0), logits, seen, {"x": x})
