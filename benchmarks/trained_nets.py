"""Networks of the quantization benchmarks, trained on real data: a few minutes each on one thread, and only once.

Weights are kept in `~/.cache/l0gm-edge/benchmarks` (or under XDG_CACHE_HOME), named after what made them; data lies in
L0GM_EDGE_DATA. The shapes are those of well-known networks, of a size that one inference takes about a millisecond.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nets
import numpy as np
import torch
import transformers
from pruning_tasks import only
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from l0gm_edge import data
from l0gm_edge.cli._progress import TerminalProgress
from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.recipe import Learn
from l0gm_edge.core.store import text_sha256
from l0gm_edge.learn import loop
from l0gm_edge.learn.schedule import cosine

SEED = 4
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "l0gm-edge" / "benchmarks"
BAG = Learn(steps=700, lr=3e-3)


@dataclass(frozen=True)
class Network:
    """A shape, the data that it learns, and how; `start` does what comes before training."""

    title: str
    data: str
    build: Callable[[Dataset], nn.Module]
    learn: Learn
    start: Callable[[nn.Module, Dataset, Path], None] | None = None
    inputs: tuple[str, ...] = ()

    def load(self) -> Dataset:
        """The data; only `inputs` of it, if any are named."""
        whole = data.load(self.data)
        return only(whole, self.inputs) if self.inputs else whole

    def trained(self, dataset: Dataset, cache: Path) -> nn.Module:
        """The network with its weights, from the cache or trained now."""
        torch.manual_seed(SEED)
        model = self.build(dataset)
        made_by = f"{self.learn!r}\n{model}\n{dataset.sha256}"
        kept = cache / f"{self.title.replace(' ', '-')}-{text_sha256(made_by)[:12]}.safetensors"
        if not kept.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            if self.start:
                self.start(model, dataset, cache)
            train(kept.stem, model, dataset.train, self.learn, cache)
            partial = kept.with_suffix(".partial")
            save_file(model.state_dict(), partial)
            partial.rename(kept)
            loop.forget(kept.stem, cache)
        model.load_state_dict(load_file(kept))
        return model.eval()


class Pictured(nn.Module):
    """A classifier of pictures from `transformers`, called with `image`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, 3, 32, 32)."""
        logits: Tensor = self.model(pixel_values=image).logits
        return logits


class Read(nn.Module):
    """A classifier of text from `transformers`, called with `text`, where 0 is padding."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, text: Tensor) -> Tensor:
        """Logits (n, classes) of token ids (n, tokens)."""
        logits: Tensor = self.model(input_ids=text, attention_mask=(text != nets.PADDING).long()).logits
        return logits


def resnet18(dataset: Dataset) -> nn.Module:
    """ResNet-18 with the stem that quarters a picture: maps of 8 x 8 and smaller, all its channels."""
    config = transformers.ResNetConfig(
        embedding_size=64,
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        num_labels=len(dataset.classes),
    )
    return Pictured(transformers.ResNetForImageClassification(config))


def vit_tiny(dataset: Dataset) -> nn.Module:
    """ViT of DeiT-tiny's width (192, three heads) and half its depth, on 16 patches of 8 x 8."""
    config = transformers.ViTConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=3,
        image_size=32,
        patch_size=8,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=len(dataset.classes),
    )
    return Pictured(transformers.ViTForImageClassification(config))


def distilbert(dataset: Dataset) -> nn.Module:
    """DistilBERT's six layers, a quarter as wide as the original."""
    config = transformers.DistilBertConfig(
        vocab_size=_vocabulary(dataset),
        max_position_embeddings=dataset.shapes["text"][0],
        dim=192,
        hidden_dim=768,
        n_layers=6,
        n_heads=3,
        num_labels=len(dataset.classes),
    )
    return Read(transformers.DistilBertForSequenceClassification(config))


def text_transformer(dataset: Dataset) -> nn.Module:
    """The text transformer of the other benchmarks."""
    return nets.text_transformer(_vocabulary(dataset), dataset.shapes["text"][0], len(dataset.classes))


def from_bag(model: nn.Module, dataset: Dataset, folder: Path) -> None:
    """Start from the embeddings of a bag of words that learns the same."""
    bag = nets.bag(_vocabulary(dataset), len(dataset.classes))
    train("bag", bag, dataset.train, BAG, folder)
    loop.forget("bag", folder)
    model.start_from(bag)


NETWORKS = {
    "fusion": Network(
        "late fusion",
        "avmnist",
        lambda one: nets.late_fusion(len(one.classes)),
        Learn(steps=400, batch_size=32, checkpoint_every=100),
    ),
    "mobilenet": Network(
        "MobileNetV2",
        "cifar10",
        lambda one: nets.mobilenet_v2(len(one.classes)),
        Learn(steps=1000, batch_size=64, lr=4e-3, augment=True, checkpoint_every=50),
    ),
    "resnet": Network(
        "ResNet-18", "cifar10", resnet18, Learn(steps=600, batch_size=64, augment=True, checkpoint_every=50)
    ),
    "vit": Network(
        "ViT-tiny", "cifar10", vit_tiny, Learn(steps=800, batch_size=64, lr=1e-3, augment=True, checkpoint_every=50)
    ),
    "distilbert": Network(
        "DistilBERT", "meld", distilbert, Learn(steps=400, batch_size=32, lr=5e-4, checkpoint_every=50)
    ),
    "text": Network(
        "text transformer",
        "imdb",
        text_transformer,
        Learn(steps=250, batch_size=32, lr=1e-3, checkpoint_every=50),
        from_bag,
    ),
}
QUICK = {
    "tutorial": Network(
        "tutorial", "digits", lambda one: nets.Tutorial(len(one.classes)), Learn(steps=60), inputs=("image",)
    )
}
"""Seconds instead of minutes, to try the benchmarks themselves."""


def train(name: str, model: nn.Module, split: Split, learn: Learn, folder: Path) -> None:
    """Train on one thread; goes on where it was stopped."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with TerminalProgress(Console(stderr=True)) as progress:
            progress.stage(f"training {name}")
            loop.train(loop.Course(name, learn, learn.steps, cosine, SEED), model, split, folder, progress)
    finally:
        torch.set_num_threads(threads)


def evenly(split: Split, most: int) -> Split:
    """At most this many rows, evenly spaced."""
    return split.take(np.linspace(0, len(split) - 1, min(most, len(split))).round().astype(np.int64))


def _vocabulary(dataset: Dataset) -> int:
    return int(dataset.train.inputs["text"].max()) + 1
