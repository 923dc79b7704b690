"""The tasks of pruning_peers.py: data, a dense network, and how it is trained. A new task is one more entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import nets
import torch
from torch import Tensor, nn

from l0gm_edge import data
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.learn import augment
from l0gm_edge.learn.batches import Inputs

Change = Callable[[Inputs], Inputs]


@dataclass(frozen=True)
class Task:
    """`steps` train the dense network, `extra` are those after it where steps are what is equal; `budgets` are
    fractions of the dense network's multiply-accumulates; `tests` are splits by the name of their column."""

    name: str
    data: str
    build: Callable[[Dataset], nn.Module]
    steps: int
    extra: int
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 1e-2
    augment: Change = dict
    budgets: tuple[float, ...] = (0.25, 0.1)

    def load(self) -> Dataset:
        """The task's data, from L0GM_EDGE_DATA."""
        return data.load(self.data)


def pictures(inputs: Inputs) -> Inputs:
    """Mirrored and shifted."""
    return {"image": augment.shifted(augment.flipped(inputs["image"]), reach=3)}


def shifted(inputs: Inputs) -> Inputs:
    """Every picture and spectrogram shifted."""
    return {name: augment.shifted(values) for name, values in inputs.items()}


def words(inputs: Inputs) -> Inputs:
    """A share of the words left out."""
    return {name: augment.blanked(values, 0.15, 1) for name, values in inputs.items()}


def of_classes(make: Callable[..., nn.Module], dataset: Dataset) -> nn.Module:
    """A network with an output for every class."""
    return make(classes=len(dataset.classes))


def reader(dataset: Dataset) -> nn.Module:
    """A transformer for the data set's token ids."""
    ids = torch.from_numpy(dataset.train.inputs["text"])
    vocabulary = int(max(ids.max(), 1)) + 1
    return nets.text_transformer(vocabulary, ids.shape[1], len(dataset.classes), pre_norm=False)


def table(dataset: Dataset) -> nn.Module:
    """A multilayer perceptron, as in the tutorial of one's own model."""
    (features,) = dataset.shapes["table"]
    return nets.mlp(features, len(dataset.classes), (256, 256, 128))


TASKS = {
    task.name: task
    for task in (
        Task("cifar10", "cifar10", partial(of_classes, nets.resnet), 1500, 400, augment=pictures),
        Task("avmnist", "avmnist", partial(of_classes, nets.late_fusion), 800, 300, 128, augment=shifted),
        Task("meld", "meld", reader, 600, 200, lr=1e-3, augment=words),
        Task("adult", "adult", table, 800, 300, 256),
    )
}


def take(split: object, rows: Tensor) -> tuple[Inputs, Tensor]:
    """Rows of a split as tensors."""
    inputs = {name: torch.from_numpy(values[rows.numpy()]) for name, values in split.inputs.items()}  # type: ignore[attr-defined]
    return inputs, torch.from_numpy(split.labels[rows.numpy()])  # type: ignore[attr-defined]
