"""Gates at work on a person's own model: what `attach` gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from l0gm_edge.core.description import Description
from l0gm_edge.core.errors import CutNotExact, RefusedInput
from l0gm_edge.core.plan import Exactness, PrunePlan, Sized
from l0gm_edge.gates.inputs import Inputs
from l0gm_edge.gates.session import Session
from l0gm_edge.gates.structure import structure_sha256
from l0gm_edge.pipeline.describing import describe
from l0gm_edge.prune.prune import Pruned, prune

Size = Callable[[Session], tuple[Tensor, tuple[Sized, ...]]]
"""Makes the final choice on a device: the units that stay (bool, (units,)), and what was timed of them."""


class AttachedSession:
    """Gates at work on a person's model. Add `penalty()` to the loss, call `step()` after each optimiser step, and
    `cut()` at the end; as a context manager, it takes the gates off when it is left."""

    def __init__(
        self,
        session: Session,
        example: Inputs,
        steps: int,
        warm_up: float,
        seed: int,
        size: Size | None = None,
    ) -> None:
        self._session, self._example, self._seed, self._size = session, example, seed, size
        self.steps = steps
        self.warm_up_steps = min(max(1, round(warm_up * steps)), steps - 1)
        self.steps_done = 0
        self._pruned: Pruned | None = None
        self._open = True

    def penalty(self) -> Tensor:
        """What the training loss adds for the gates: a scalar; zero while they only watch.

        Raises RefusedInput outside training, and once the gates are off.
        """
        self._require_open("penalty")
        if not self._session.model.training or not torch.is_grad_enabled():
            raise RefusedInput(
                "penalty() outside training: the model is in evaluation mode, or gradients are off",
                where="session.penalty",
                todo="leave the penalty out of a validation loss; call model.train() before a training step",
            )
        return self._session.penalty()

    def step(self, optimizer: Optimizer | None = None, loss_scale: float = 1.0) -> None:
        """Learn from the gradients of the last backward passes; once an optimiser step, after it.

        Given the optimiser of the model's weights, methods that close units for good (`progressive`, `one_shot`) cut
        the model itself on the way, so that later steps are cheaper; the optimiser keeps its state. `loss_scale` is
        what the loss was multiplied by before `backward`: `scaler.get_scale()` under a gradient scaler.
        Raises RefusedInput once the gates are off.
        """
        self._require_open("step")
        self._session.step(optimizer, loss_scale)
        self.steps_done += 1
        if self.steps_done == self.warm_up_steps:
            self._session.begin(self.steps - self.warm_up_steps)

    def cut(self) -> nn.Module:
        """A smaller copy of the model that gives what the gated model gives, within the target; the gates come off.

        The model itself keeps its weights and is whole. What was cut stands in `plan`, how exactly in `exactness`.
        For a target in milliseconds, candidates are compiled and timed first.
        Raises RefusedInput before the first step and at a second call, CutNotExact, and what timing raises.
        """
        self._require_open("cut")
        if self.steps_done == 0:
            raise RefusedInput(
                "cut() before the first step: nothing is known yet of what the model needs",
                where="session.cut",
                todo="train with the session first; it may be for fewer steps than promised",
            )
        model, base = self._session.model, structure_sha256(self._session.base_model)
        modes = {path: module.training for path, module in model.named_modules()}
        kept, timed = self._size(self._session) if self._size else (None, ())
        try:
            pruned = prune(model, self._session, self._example, base, self._seed, kept)
        finally:
            self.close()
            _restore(model, modes)
        _restore(pruned.model, modes)
        _require_exact(pruned.exactness)
        self._pruned = replace(pruned, plan=pruned.plan.model_copy(update={"latency": timed}))
        return pruned.model

    def describe(self) -> Description:
        """What can be cut, how much of it was kept once that is chosen, and what cannot be cut and why."""
        return describe(self._session, self._pruned.plan if self._pruned else None)

    @property
    def plan(self) -> PrunePlan:
        """What was cut. Raises RefusedInput before the cut."""
        return self._require_cut("plan").plan

    @property
    def exactness(self) -> Exactness:
        """How far the cut model's outputs are from the gated model's. Raises RefusedInput before the cut."""
        return self._require_cut("exactness").exactness

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on in another process, beside the model's and the optimiser's own."""
        self._require_open("state_dict")
        own = {f"session.{name}": value for name, value in self._session.state_dict().items()}
        return {"steps_done": torch.tensor(self.steps_done), **own}

    def load_state_dict(self, state: Mapping[str, Tensor], optimizer: Optimizer | None = None) -> None:
        """Go on from a state of a session with the same arguments on the same kind of model.

        Before the weights are loaded: where the model was cut while it learned, it is cut here, and so is what the
        optimiser, if given, holds of it. Raises RefusedInput when it is not such a state.
        """
        self._require_open("load_state_dict")
        prefix = "session."
        own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        try:
            steps_done = int(state["steps_done"])
            self._session.load_state_dict(own, optimizer)
        except (KeyError, RuntimeError, IndexError) as error:
            raise RefusedInput(
                f"not a state of this session: {error}",
                where="session.load_state_dict",
                allowed="what state_dict() gave of a session attached with the same arguments to the same model",
            ) from error
        self.steps_done = steps_done

    def close(self) -> None:
        """Take the gates off the model; it computes again what it would without them. Does nothing a second time."""
        if self._open:
            self._session.close()
            self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_open(self, method: str) -> None:
        if not self._open:
            why = "the model was cut" if self._pruned else "the session was closed"
            raise RefusedInput(
                f"{method}() after {why}: its gates are off",
                where=f"session.{method}",
                todo="train the cut model as any other, or attach a new session",
            )

    def _require_cut(self, what: str) -> Pruned:
        if self._pruned is None:
            raise RefusedInput(f"there is no {what} before the cut", where=f"session.{what}", todo="call cut() first")
        return self._pruned


def _restore(model: nn.Module, modes: Mapping[str, bool]) -> None:
    for path, module in model.named_modules():
        module.training = modes.get(path, module.training)


def _require_exact(found: Exactness) -> None:
    if not found.worst <= found.tolerance:
        raise CutNotExact(
            f"the cut model differs from the gated one by {found.worst:.2g} of the output scale",
            where="session.cut",
            allowed=f"at most {found.tolerance:.0e}",
            todo="leave out kinds of site with sites=(...), and report the model's code: this should not happen",
        )
