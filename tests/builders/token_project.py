"""A person's own project whose input is token ids: a package `letters` with a small transformer and made-up texts."""

from __future__ import annotations

from pathlib import Path

NETS = '''\
"""Networks on letters."""

import torch
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    """Embeddings, one transformer layer, the mean over what is not padding, a head."""

    def __init__(self, width=16, heads=2):
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(30, width, padding_idx=0)
        self.position = nn.Parameter(torch.randn(12, width) * 0.02)
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
        self.head = nn.Linear(width, 3)

    def forward(self, text):
        written = (text != 0).float()
        x = self.embedding(text) + self.position
        n, tokens, _ = x.shape
        h = self.norm(x)
        q, k, v = (
            part(h).reshape(n, tokens, self.heads, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        bias = (written[:, None, None, :] - 1) * 1e4
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, tokens, -1))
        x = x + self.feed_forward(x)
        pooled = (x * written[..., None]).sum(1) / written.sum(1, keepdim=True).clamp(min=1)
        return self.head(pooled)
'''

DATA = '''\
"""Texts of up to 12 letters, 0 where they have ended; the class is the most frequent of the letters 1, 2 and 3."""

import numpy as np

from l0gm_edge import Dataset, Split


def rows(count, seed):
    draw = np.random.default_rng(seed)
    text = draw.integers(4, 30, (count, 12))
    labels = draw.integers(0, 3, count)
    for row, label in zip(text, labels):
        row[draw.choice(6, 4, replace=False)] = label + 1
        row[draw.integers(7, 13):] = 0
    return Split({"text": text}, labels)


def load():
    """Letters."""
    splits = {name: rows(*one) for name, one in
              {"train": (600, 0), "validation": (120, 1), "calibration": (60, 2), "test": (120, 3)}.items()}
    return Dataset("letters", {"text": (12,)}, ("one", "two", "three"), **splits)
'''

RECIPE = """\
name: letters
data: {entry: "letters.data:load"}
model: {entry: "letters.nets:Net"}
gates: {target: {active_fraction: 0.5}}
learn: {steps: 150, batch_size: 64, lr: 5.0e-3, checkpoint_every: 50}
distill: {weight: 0.5}
quantize: {calibration_size: 32}
measure: {processes: 1, blocks: 2, runs_per_block: 2}
checks: {max_accuracy_drop_points: 100, max_ece_increase: 1}
"""

HARDWARE = """\
name: bench
title: A bench
runtimes:
  - {name: onnxruntime, schemes: [fp32, static_int8, dynamic_int8]}
  - {name: tflite, schemes: [fp32, fp16, dynamic_int8, mixed_int8, static_int8]}
"""


def write(folder: Path) -> list[str]:
    """Project, recipe and profile as files; returns the options of `l0gm-edge run` that name them."""
    package = folder / "project" / "letters"
    package.mkdir(parents=True)
    for name, text in {"__init__": '"""Letters."""\n', "nets": NETS, "data": DATA}.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "letters.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "bench.yaml").write_text(HARDWARE, encoding="utf-8")
    recipe, hardware = str(folder / "letters.yaml"), str(folder / "bench.yaml")
    return [recipe, "--hardware", hardware, "--pythonpath", str(package.parent)]
