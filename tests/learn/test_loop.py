"""Training courses: they learn, resume to the bit, and say so when the loss is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fusion_models
import numpy as np
import pytest
import torch

from l0gm_edge.core import scores
from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.errors import TrainingDiverged
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import checkpoint, courses, schedule
from l0gm_edge.learn.distill import Teacher
from l0gm_edge.learn.evaluate import logits, partly
from l0gm_edge.learn.history import History
from l0gm_edge.learn.loop import Course, forget, train
from l0gm_edge.models.fusion.late import LateFusion

ROWS = fusion_models.rows()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Stopped(Exception):
    """The course was cut short by the test."""


class StopAfter(Silent):
    """Stops a course after some steps, as a kill would."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[StopAfter]:
        yield self

    def advance(self, steps: int = 1, **fields: float) -> None:
        self.left -= steps
        if fields and self.left <= 0:
            raise Stopped


def course(config: Recipe, model: LateFusion, *, gated: bool = False) -> tuple[Course, Session | None]:
    session = fusion_models.session(config, model) if gated else None
    teacher = Teacher(fusion_models.model(config, seed=9).eval(), config.distill) if config.distill else None
    made = Course(
        "tiny", config.learn, 24, schedule.cosine, 5, balance_weight=0.01, teacher=teacher, session=session, warm_up=6
    )
    return made, session


def run(
    config: Recipe, folder: Path, *, gated: bool, stop: int | None = None
) -> tuple[dict[str, torch.Tensor], History]:
    model = fusion_models.model(config)
    made, session = course(config, model, gated=gated)
    history = train(made, model, ROWS, folder, Silent() if stop is None else StopAfter(stop))
    return model.state_dict() | (session.state_dict() if session else {}), history


@pytest.mark.parametrize("distill", [False, True])
@pytest.mark.parametrize("method", [None, "hard_concrete", "progressive", "one_shot"])
@pytest.mark.parametrize("stop", [5, 7, 13, 23])
def test_a_course_cut_short_goes_on_to_the_bit(tmp_path: Path, distill: bool, method: str | None, stop: int) -> None:
    """Goes on from within the warm-up, from its end (step 6), from the ramp, and from near the end."""
    gated = method is not None
    config = fusion_models.recipe(distill=distill, checkpoint_every=3, method=method or "hard_concrete")
    whole, history = run(config, tmp_path / "whole", gated=gated)
    with pytest.raises(Stopped):
        run(config, tmp_path / "cut", gated=gated, stop=stop)
    resumed, its_history = run(config, tmp_path / "cut", gated=gated)
    assert its_history == history
    assert [moment.step for moment in history.moments] == list(range(3, 25, 3))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


@pytest.mark.parametrize("stop", [7, 19])
def test_fake_quantization_begins_at_its_step_and_is_resumed_to_the_bit(tmp_path: Path, stop: int) -> None:
    config = fusion_models.recipe(checkpoint_every=3)

    def losses(name: str, fake_from: int | None, stop: int | None = None) -> list[float]:
        model = fusion_models.model(config)
        made = replace(course(config, model)[0], fake_from=fake_from)
        history = train(made, model, ROWS, tmp_path / name, Silent() if stop is None else StopAfter(stop))
        return [moment.loss for moment in history.moments]

    plain, aware = losses("plain", None), losses("aware", 12)
    assert plain[:4] == aware[:4]  # steps 3, 6, 9, 12
    assert plain[4] != aware[4]
    with pytest.raises(Stopped):
        losses("cut", 12, stop)
    assert losses("cut", 12) == aware


def test_a_finished_course_is_not_trained_again(tmp_path: Path) -> None:
    config = fusion_models.recipe()
    first, _ = run(config, tmp_path, gated=True)
    again, _ = run(config, tmp_path, gated=True, stop=1)  # a single step more would raise Stopped
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    forget("tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_learns(tmp_path: Path) -> None:
    config = fusion_models.recipe(steps=150, lr=1e-2)
    model = fusion_models.model(config)
    made, _ = course(config, model)
    untrained = logits(model, ROWS)
    history = train(replace(made, steps=150), model, ROWS, tmp_path, Silent())
    assert not model.training
    found = (logits(model, ROWS).argmax(1) == ROWS.labels).mean()
    assert found > 0.9 > (untrained.argmax(1) == ROWS.labels).mean()
    assert history.moments[-1].loss < history.moments[0].loss


def test_expected_figures_are_told_with_gates_only(tmp_path: Path) -> None:
    config = fusion_models.recipe()
    _, plain = run(config, tmp_path / "plain", gated=False)
    _, gated = run(config, tmp_path / "gated", gated=True)
    assert {moment.expected_active_fraction for moment in plain.moments} == {None}
    fractions = [moment.expected_active_fraction for moment in gated.moments]
    assert fractions[0] > 0.6
    assert fractions[-1] == pytest.approx(0.5, abs=0.01)


def test_a_lost_loss_ends_training_with_what_to_do(tmp_path: Path) -> None:
    spoilt = Split({name: values.copy() for name, values in ROWS.inputs.items()}, ROWS.labels)
    spoilt.inputs["table"][:] = np.nan
    config = fusion_models.recipe()
    model = fusion_models.model(config)
    made, _ = course(config, model)
    with pytest.raises(TrainingDiverged, match=r"became nan at step 1 of 24") as lost:
        train(made, model, spoilt, tmp_path, Silent())
    assert lost.value.where == "learning, course 'tiny'"
    assert "lower learn.lr" in lost.value.todo
    assert checkpoint.load(tmp_path / ".tiny.checkpoint") is None


def test_the_three_courses_share_the_steps() -> None:
    config = fusion_models.recipe(steps=100, warm_up=0.2, recovery=0.4)
    assert (courses.warm_up_steps(config), courses.gated_steps(config)) == (20, 60)
    assert courses.warm_up_steps(fusion_models.recipe(steps=10, warm_up=0.0)) == 1


def test_logits_are_those_of_the_whole_split_at_once() -> None:
    model = fusion_models.model(fusion_models.recipe()).train()
    many = fusion_models.rows(1100)
    found = logits(model, many)
    assert found.shape == (1100, fusion_models.CLASSES)
    with torch.no_grad():
        inputs = {name: torch.from_numpy(values) for name, values in many.inputs.items()}
        np.testing.assert_allclose(found, model(**inputs).numpy(), rtol=1e-4, atol=1e-5)


def test_a_course_with_modalities_dropped_goes_on_to_the_bit(tmp_path: Path) -> None:
    config = fusion_models.recipe(drop_modalities=0.4)
    whole, _ = run(config, tmp_path / "whole", gated=False)
    with pytest.raises(Stopped):
        run(config, tmp_path / "ended", gated=False, stop=13)
    ended, _ = run(config, tmp_path / "ended", gated=False)
    kept, _ = run(fusion_models.recipe(), tmp_path / "kept", gated=False)
    assert all(torch.equal(value, ended[name]) for name, value in whole.items())
    assert any(not torch.equal(value, kept[name]) for name, value in whole.items())


def test_figures_of_every_subset_are_those_of_rows_with_zeros(tmp_path: Path) -> None:
    dense, small = (fusion_models.model(fusion_models.recipe(), seed=seed) for seed in (0, 1))
    splits = {name: fusion_models.rows(40, seed) for seed, name in enumerate(("validation", "test"))}
    data = Dataset("made-up", fusion_models.SHAPES, tuple("abcd"), train=ROWS, calibration=ROWS, **splits)
    found = partly(dense, small, data)
    assert found.names == ("audio", "image", "table")
    assert [found.missing(one) for one in found.one_missing] == [("table",), ("image",), ("audio",)]
    test = splits["test"]
    (one,) = [one for one in found.given if one.modalities == ("table",)]
    hidden = {name: np.zeros_like(values) for name, values in test.inputs.items()} | {"table": test.inputs["table"]}
    scaled = scores.fit_temperature(logits(small, splits["validation"]), splits["validation"].labels)
    alone = logits(small, Split(hidden, test.labels))
    assert one.compressed.accuracy == scores.accuracy(alone, test.labels)
    assert one.compressed.ece_scaled == scores.ece(alone, test.labels, scaled)
    assert found.given[-1].dense.accuracy == scores.accuracy(logits(dense, test), test.labels)
