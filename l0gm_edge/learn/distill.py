"""Distillation: a model imitates a teacher's classes, its features, and how alike it finds the samples of a batch.

Features are compared through a linear map from the student's to the teacher's (as in FitNets, arXiv 1412.6550, and
TinyBERT, arXiv 1909.10351), so that they may differ in width, as after a cut, and in basis, as with a given teacher.
The map is the least-squares one over the last batches, not trained. Relations need no map: they are cosines between
samples (in the style of relational knowledge distillation, arXiv 1904.05068).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core.distillation import Distill
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.plugins import nearest
from l0gm_edge.learn import losses

MEMORY = 0.95
"""Share of the map's statistics that is kept from one batch to the next."""
RIDGE = 1e-4
"""Added to the student's second moments, of their mean."""
MAP_DIMENSIONS = (4, 5)
"""Activations of so many dimensions hold their features on axis 1, all others on the last."""


class Teacher:
    """A trained model to imitate, and how much."""

    def __init__(self, model: nn.Module, distill: Distill) -> None:
        self.model, self.distill = model.eval(), distill
        features = distill.features.at if distill.features else ()
        self.taps = tuple(dict.fromkeys((*features, *(distill.relations.paths if distill.relations else ()))))
        """Paths of the modules, of student and teacher alike, whose outputs are compared."""
        self._maps = {path: LinearMap() for path in features}

    def require_taps(self, student: nn.Module) -> None:
        """Raise RecipeError, with the nearest name, when a tapped module is not in both models."""
        for who, model in (("model", student), ("teacher", self.model)):
            known = tuple(path for path, _ in model.named_modules() if path)
            for path in self.taps:
                if path not in known:
                    raise RecipeError(
                        f"distill: the {who} has no module '{path}'{nearest(path, known)}",
                        where=type(model).__name__,
                        allowed="a path as in model.named_modules()",
                    )

    def loss(self, hard: Tensor, logits: Tensor, seen: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        """What the student minimises: a scalar, from its loss on the labels and its own outputs at the taps."""
        with torch.no_grad(), tapped(self.model, self.taps) as wanted:
            goal = self.model(**inputs)
        distill = self.distill
        soft = losses.distillation(logits, goal, distill.temperature)
        loss = (1 - distill.weight) * hard + distill.weight * soft
        if distill.features is not None:
            unlike = [self._maps[path].residual(seen[path], wanted[path]) for path in distill.features.at]
            loss = loss + distill.features.weight * torch.stack(unlike).mean()
        if distill.relations is not None:
            ours, theirs = (_stacked(distill.relations.paths, outputs) for outputs in (seen, wanted))
            loss = loss + distill.relations.weight * relations(ours, theirs)
        return loss

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on: the maps' statistics."""
        return {
            f"{path}:{name}": value for path, each in self._maps.items() for name, value in each.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        for path, each in self._maps.items():
            prefix = f"{path}:"
            each.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})


class LinearMap:
    """The best linear map, with an offset, from a student's features to a teacher's, over the last batches."""

    def __init__(self) -> None:
        self._within: Tensor | None = None
        self._across: Tensor | None = None

    def residual(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The share of the teacher's variance that the mapped student leaves open: a scalar, 0 when it has it all.

        Both are activations of the same samples and positions: (n, ..., d), or maps (n, d, h, w).
        Raises RecipeError when their positions differ.
        """
        ours, theirs = _rows(student), _rows(teacher.detach())
        if len(ours) != len(theirs):
            raise RecipeError(
                f"distill.features: outputs of shape {tuple(student.shape)} and {tuple(teacher.shape)}",
                where="student and teacher",
                allowed="the same samples and positions; only the features' width may differ",
            )
        ours = torch.cat([ours, ours.new_ones(len(ours), 1)], dim=1)
        self._observe(ours.detach(), theirs)
        spread = (theirs - theirs.mean(0)).square().mean().clamp_min(1e-12)
        missing: Tensor = (ours @ self._solution() - theirs).square().mean() / spread
        return missing

    def state_dict(self) -> dict[str, Tensor]:
        """The second moments so far; empty before the first batch."""
        if self._within is None or self._across is None:
            return {}
        return {"within": self._within.clone(), "across": self._across.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        self._within, self._across = state.get("within"), state.get("across")

    def _observe(self, ours: Tensor, theirs: Tensor) -> None:
        within, across = ours.T @ ours / len(ours), ours.T @ theirs / len(ours)
        if self._within is None or self._across is None or self._within.shape != within.shape:  # cut meanwhile
            self._within, self._across = within, across
        else:
            self._within = torch.lerp(within, self._within, MEMORY)
            self._across = torch.lerp(across, self._across, MEMORY)

    def _solution(self) -> Tensor:
        assert self._within is not None
        assert self._across is not None
        ridge = RIDGE * self._within.diagonal().mean() * torch.eye(len(self._within), device=self._within.device)
        solution: Tensor = torch.linalg.solve(self._within + ridge, self._across)
        return solution


def relations(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the cosines between every two samples, (n, ...) each: a scalar; 0 for one sample."""
    ours, theirs = _cosines(student), _cosines(teacher.detach())
    pairs = max(1, len(ours) * (len(ours) - 1))
    return (ours - theirs).square().sum() / pairs  # the diagonals are equal


def _stacked(paths: Sequence[str], outputs: Mapping[str, Tensor]) -> Tensor:
    """The samples of every module below each other, (modules times n, d). Raises RecipeError where widths differ."""
    parts = [outputs[path].flatten(1) for path in paths]
    if len({part.shape[1] for part in parts}) > 1:
        raise RecipeError(
            f"distill.relations.at: outputs of widths {', '.join(str(part.shape[1]) for part in parts)}",
            where=", ".join(paths),
            allowed="modules that give the same width, and are cut alike, as with model.fusion: shared",
        )
    return torch.cat(parts)


@contextmanager
def tapped(model: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """The outputs of these modules, by path, as forward passes fill them in while the context lasts.

    Of a module that gives several tensors, the first.
    """
    seen: dict[str, Tensor] = {}

    def keep(path: str) -> Any:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            seen[path] = _first(output)

        return hook

    handles = [model.get_submodule(path).register_forward_hook(keep(path)) for path in paths]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _first(output: Any) -> Tensor:
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, Mapping) else output))
    return output


def _rows(features: Tensor) -> Tensor:
    """Features as (samples and positions, d), in fp32."""
    last = features.movedim(1, -1) if features.dim() in MAP_DIMENSIONS else features
    return last.reshape(-1, last.shape[-1]).float()


def _cosines(features: Tensor) -> Tensor:
    directions = F.normalize(features.flatten(1).float(), dim=1)
    return directions @ directions.T
