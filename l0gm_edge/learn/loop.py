"""The training loop: one course of steps over a model, resumable at its checkpoints, the same on every CPU run."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.core.errors import TrainingDiverged
from l0gm_edge.core.network import RouterLosses
from l0gm_edge.core.phases import EVERYTHING, Part
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Learn
from l0gm_edge.gates.session import Session
from l0gm_edge.learn import checkpoint, objectives, parts, router_losses
from l0gm_edge.learn.augment import augmented
from l0gm_edge.learn.batches import Batches, Inputs
from l0gm_edge.learn.distill import Teacher, tapped
from l0gm_edge.learn.drop import dropped
from l0gm_edge.learn.fake_quantize import fake_quantized
from l0gm_edge.learn.history import History, Moment

SMOOTHING = 0.95
"""Memory of the figures shown while training."""


@dataclass(frozen=True)
class Course:
    """What to train with: how many steps, and how the learning rate runs over them.

    With gates, the first `warm_up` steps only measure how much the loss minds each unit. From step `fake_from` on,
    layers compute as int8 would. Parts that are not among `trains` are frozen.
    """

    name: str
    settings: Learn
    steps: int
    rate: Callable[[int, int], float]
    seed: int
    balance_weight: float = 0.0
    router: RouterLosses = field(default_factory=RouterLosses)
    teacher: Teacher | None = None
    session: Session | None = None
    warm_up: int = 0
    fake_from: int | None = None
    trains: Collection[Part] = EVERYTHING

    def is_fake_at(self, step: int) -> bool:
        """Whether this step is trained under fake quantization."""
        return self.fake_from is not None and step >= self.fake_from


def train(course: Course, model: nn.Module, data: Split, folder: Path, progress: Progress) -> History:
    """Train `model` in place and return how it went; goes on from a checkpoint of this course in `folder`.

    Raises TrainingDiverged when the loss is no longer finite.
    """
    settings = course.settings
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    batches = Batches(data, settings.batch_size, course.seed)
    path = folder / f".{course.name}.checkpoint"
    step, history = _resume(checkpoint.load(path), course, model, optimizer)
    loss_shown, accuracy_shown = history.last_figures()
    with progress.task(course.name, course.steps) as task, parts.learning(model, course.trains):
        task.advance(step)
        while step < course.steps:
            torch.default_generator.manual_seed(course.seed * 1_000_003 + step)  # of the CPU alone: takes no time
            if course.session is not None and step == course.warm_up:
                course.session.begin(course.steps - course.warm_up)
            inputs, labels = batches.at(step)
            if settings.augment:
                inputs = augmented(inputs, settings.drop_words)
            if settings.drop_modalities:
                inputs = dropped(inputs, settings.drop_modalities)
            _set_rate(optimizer, settings.lr * course.rate(step, course.steps))
            with fake_quantized(model) if course.is_fake_at(step) else nullcontext():
                loss, logits = _loss(course, model, inputs, labels)
            value = _finite(loss, course, step)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if course.session is not None:
                course.session.step(optimizer)
            step += 1
            accuracy = float((logits.argmax(-1) == labels).float().mean())
            loss_shown = _smooth(loss_shown, value)
            accuracy_shown = _smooth(accuracy_shown, accuracy)
            fraction = course.session.expected_active_fraction if course.session else None
            shown = {"loss": loss_shown, "accuracy": accuracy_shown} | (
                {} if fraction is None else {"active": fraction}
            )
            task.advance(1, **shown)
            if step % settings.checkpoint_every == 0 or step == course.steps:
                moment = Moment(step=step, loss=loss_shown, accuracy=accuracy_shown, expected_active_fraction=fraction)
                history = history.and_then(moment)
                checkpoint.save(path, _state(course, model, optimizer, step, history))
    model.eval()
    return history


def forget(name: str, folder: Path) -> None:
    """Remove a finished course's checkpoint."""
    (folder / f".{name}.checkpoint").unlink(missing_ok=True)


def _loss(course: Course, model: nn.Module, inputs: Inputs, labels: Tensor) -> tuple[Tensor, Tensor]:
    with tapped(model, course.teacher.taps if course.teacher else ()) as seen:
        loss, logits = objectives.plugin(course.settings.objective).loss(model, inputs, labels, course.settings)
    if course.teacher is not None:
        loss = course.teacher.loss(loss, logits, seen, inputs)
    loss = loss + router_losses.total(model, course.balance_weight, course.router)
    if course.session is not None:
        loss = loss + course.session.penalty()
    return loss, logits


def _finite(loss: Tensor, course: Course, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingDiverged(
            f"the loss became {value} at step {step + 1} of {course.steps}",
            where=f"learning, course '{course.name}'",
            todo=f"lower learn.lr (now {course.settings.lr:g}) or gates.lr, and run again",
        )
    return value


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _smooth(shown: float | None, value: float) -> float:
    return value if shown is None else SMOOTHING * shown + (1 - SMOOTHING) * value


def _state(
    course: Course, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, history: History
) -> dict[str, Any]:
    return {
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "gates": course.session.state_dict() if course.session else {},
        "teacher": course.teacher.state_dict() if course.teacher else {},
        "history": history.model_dump_json(),
    }


def _resume(
    state: dict[str, Any] | None, course: Course, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, History]:
    if state is None:
        return 0, History()
    if course.session is not None:  # first, because the model may have been cut
        course.session.load_state_dict(state["gates"], optimizer)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if course.teacher is not None:
        course.teacher.load_state_dict(state["teacher"])
    return int(state["step"]), History.model_validate_json(state["history"])
