"""The tasks of pruning_peers.py: data, a dense network, and how it is trained. A new task is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nets
import torch
from torch import Tensor, nn

from l0gm_edge import data
from l0gm_edge.core.dataset import SPLITS, Dataset, Split
from l0gm_edge.learn import augment
from l0gm_edge.learn.batches import Inputs

Change = Callable[[Inputs], Inputs]

LEFT_OUT = 0.4
"""Share of words left out. Of .15, .4 and .6 the best on validation for four arms together (one seed) at equal compute,
where small networks see every row ten times."""


@dataclass(frozen=True)
class Task:
    """`steps` train the dense network, `extra` are those after it where steps are what is equal; `budgets` are
    fractions of the dense network's multiply-accumulates. `familiar` is a split of the kind of the training rows,
    never used to choose anything, where the test split is of another kind."""

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
    inputs: tuple[str, ...] = ()
    familiar: str | None = None

    @property
    def compute(self) -> float:
        """What is spent in all where compute is what is equal, in steps of the dense network."""
        return self.steps + self.extra / 2

    def load(self) -> Dataset:
        """The task's data, from L0GM_EDGE_DATA; only `inputs` of it, if any are named."""
        whole = data.load(self.data)
        return only(whole, self.inputs) if self.inputs else whole


def only(whole: Dataset, inputs: Sequence[str]) -> Dataset:
    """A data set with these inputs alone."""
    parts = {
        name: Split({one: getattr(whole, name).inputs[one] for one in inputs}, getattr(whole, name).labels)
        for name in SPLITS
    }
    return Dataset(whole.name, {one: whole.shapes[one] for one in inputs}, whole.classes, **parts)


def pictures(inputs: Inputs) -> Inputs:
    """Mirrored and shifted."""
    return {"image": augment.shifted(augment.flipped(inputs["image"]), reach=3)}


def augmented(inputs: Inputs) -> Inputs:
    """Every picture and spectrogram shifted, a share of the words left out."""
    return augment.augmented(inputs, LEFT_OUT)


def reader(dataset: Dataset) -> nn.Module:
    """A transformer for the data set's token ids."""
    ids = torch.from_numpy(dataset.train.inputs["text"])
    vocabulary = int(max(ids.max(), 1)) + 1
    return nets.text_transformer(vocabulary, ids.shape[1], len(dataset.classes), d=64, pre_norm=False)


def pictured(dataset: Dataset) -> nn.Module:
    """ResNet-8 that halves its maps at once."""
    return nets.resnet(len(dataset.classes), stride=2)


class Heard(nets.AudioVisual):
    """Late fusion that takes the mean of its maps: Torch-Pruning 1.6.1 cannot follow a flatten into a
    concatenation."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes, 16)
        self.image, self.audio = self.image[:-2], self.audio[:-2]

    def forward(self, image: Tensor, audio: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, 1, 28, 28) and spectrograms (n, 1, 32, 32)."""
        features = [self.image(image).mean((2, 3)), self.audio(audio).mean((2, 3))]
        logits: Tensor = self.head(self.mix(torch.cat(features, 1)))
        return logits


def heard(dataset: Dataset) -> nn.Module:
    """Late fusion of picture and sound."""
    return Heard(len(dataset.classes))


def tutorial(dataset: Dataset) -> nn.Module:
    """The network of docs/own-model.md."""
    return nets.Tutorial(len(dataset.classes))


TASKS = {
    task.name: task
    for task in (
        Task("cifar10", "cifar10", pictured, 250, 750, augment=pictures, budgets=(0.1,)),
        Task("avmnist", "avmnist", heard, 160, 480, 32, augment=augmented, budgets=(0.1,), familiar="calibration"),
        Task("meld", "meld", reader, 150, 400, 32, lr=1e-3, augment=augmented, budgets=(0.1,)),
        Task("tutorial", "digits", tutorial, 150, 450, budgets=(0.03,), inputs=("image",)),
    )
}


def take(split: Split, rows: Tensor) -> tuple[Inputs, Tensor]:
    """Rows of a split as tensors."""
    inputs = {name: torch.from_numpy(values[rows.numpy()]) for name, values in split.inputs.items()}
    return inputs, torch.from_numpy(split.labels[rows.numpy()])
