"""A person's own project, as files: a package `shop` with a network and a data set, and a recipe that names them."""

from __future__ import annotations

from pathlib import Path

NETS = '''\
"""Networks of the shop."""

from torch import nn


class Net(nn.Module):
    """A convolution, a residual block of linear layers, and a head."""

    def __init__(self, width):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        self.embed = nn.Linear(8 * 64, width)
        self.block = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(),
                                   nn.Linear(2 * width, width))
        self.head = nn.Linear(width, 10)

    def forward(self, image):
        x = self.embed(self.stem(image))
        return self.head((x + self.block(x)).relu())


class Named(Net):
    """The same, giving its logits by name, as `transformers` do."""

    def forward(self, image):
        return {"logits": super().forward(image), "image": image}


def build(width=16):
    """The network of this width."""
    return Net(width)


def named(width=16):
    """The network that gives a mapping."""
    return Named(width)
'''

DATA = '''\
"""Data of the shop."""

from dataclasses import replace

from l0gm_edge import Dataset, Split
from l0gm_edge.data import digits


def load(rows=400):
    """Digits as brightness from 0 to 1."""
    known = digits.load(None)

    def image_only(split):
        return Split({"image": split.inputs["image"][:rows]}, split.labels[:rows])

    splits = {name: image_only(getattr(known, name)) for name in ("train", "validation", "calibration", "test")}
    return replace(known, name="shop", shapes={"image": (1, 8, 8)}, normalization={}, **splits)
'''

RECIPE = """\
name: own
data: {entry: "shop.data:load"}
model: {entry: "shop.nets:build", arguments: {width: 16}}
gates: {target: {active_fraction: 0.5}}
learn: {steps: 60, batch_size: 64, lr: 5.0e-3, checkpoint_every: 20}
distill: {weight: 0.5}
quantize: {calibration_size: 16}
measure: {processes: 1, blocks: 2, runs_per_block: 2}
checks: {max_accuracy_drop_points: 100, max_ece_increase: 1}
"""


def write(folder: Path, nets: str = NETS, data: str = DATA) -> Path:
    """The project's folder, for `--pythonpath`."""
    package = folder / "project" / "shop"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text('"""A shop."""\n', encoding="utf-8")
    (package / "nets.py").write_text(nets, encoding="utf-8")
    (package / "data.py").write_text(data, encoding="utf-8")
    return package.parent


def write_recipe(folder: Path, text: str = RECIPE) -> Path:
    """The recipe as a file."""
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path
