"""Which units of a model can go, for every way in which layers join: expected sites, and never a wrong one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from joins import Body, Net, conv, lin, sites
from torch import Tensor, nn

PICTURE = torch.randn(2, 3, 4, 4)
TOKENS = torch.randn(2, 5, 8)
abc = {"a": lin(8, 8), "b": lin(8, 8), "c": lin(8, 3)}
images = {"a": conv(3, 8), "b": conv(8, 8), "head": lin(8, 2)}

JOINS: dict[str, tuple[Body, dict[str, nn.Module], Tensor, dict[str, int]]] = {
    "a chain": (lambda m, x: m.c(m.b(m.a(x).relu()).relu()), abc, torch.randn(2, 8), {"a": 8, "b": 8}),
    "a residual sum": (lambda m, x: m.c(m.a(x) + m.b(m.a(x))), abc, torch.randn(2, 8), {"a": 8}),
    "a residual on the model's input": (lambda m, x: m.c(m.b(x + m.a(x))), abc, torch.randn(2, 8), {"b": 8}),
    "concatenation": (
        lambda m, x: m.c(torch.cat([m.a(x), m.b(x)], 1)),
        abc | {"c": lin(16, 3)},
        torch.randn(2, 8),
        {"a": 8, "b": 8},
    ),
    "the model's input concatenated": (
        lambda m, x: m.c(torch.cat([m.a(x), x], 1)),
        abc | {"c": lin(16, 3)},
        torch.randn(2, 8),
        {"a": 8},
    ),
    "concatenation, then a residual": (
        lambda m, x: m.c(torch.cat([m.a(x), m.b(x)], 1) + m.d(x)),
        abc | {"c": lin(16, 3), "d": lin(8, 16)},
        torch.randn(2, 8),
        {"a": 8, "b": 8},
    ),
    "flatten, then concatenation": (
        lambda m, x: m.head(torch.cat([m.a(x).flatten(1), m.b(x).mean((2, 3))], 1)),
        {"a": conv(3, 8), "b": conv(3, 6), "head": lin(8 * 16 + 6, 2)},
        PICTURE,
        {"a": 8, "b": 6},
    ),
    "halves that meet again": (
        lambda m, x: m.c(torch.mul(*m.a(x).chunk(2, -1))),
        {"a": lin(8, 12), "c": lin(6, 3)},
        torch.randn(2, 8),
        {"a": 6},
    ),
    "halves that part for good": (
        lambda m, x: m.c(m.a(x).chunk(2, -1)[0]) + m.d(m.a(x).chunk(2, -1)[1]),
        {"a": lin(8, 12), "c": lin(6, 3), "d": lin(6, 3)},
        torch.randn(2, 8),
        {},
    ),
    "transpose": (
        lambda m, x: m.c(m.a(x).transpose(1, 2).relu().permute(0, 2, 1)),
        abc,
        TOKENS,
        {"a": 8},
    ),
    "mixing along the other axis": (
        lambda m, x: m.c(m.b(m.a(x).transpose(1, 2)).transpose(1, 2)),
        abc | {"a": lin(8, 8), "b": lin(5, 6)},
        TOKENS,
        {},
    ),
    "T": (lambda m, x: m.c(m.a(x).T.T), abc, torch.randn(2, 8), {"a": 8}),
    "expand": (
        lambda m, x: m.c(m.a(x[:, :1]).expand(-1, 5, -1) + m.b(x)),
        abc,
        TOKENS,
        {"a": 8},
    ),
    "squeeze and excitation": (
        lambda m, x: m.head((m.a(x) * m.up(m.down(m.a(x).mean((2, 3)))).sigmoid()[:, :, None, None]).mean((2, 3))),
        images | {"down": lin(8, 4), "up": lin(4, 8)},
        PICTURE,
        {"a": 8, "down": 4},
    ),
    "a gate of width one": (
        lambda m, x: m.c(m.a(x) * m.one(x).sigmoid()),
        abc | {"one": lin(8, 1)},
        torch.randn(2, 8),
        {"a": 8},
    ),
    "a layer called twice": (lambda m, x: m.c(m.b(m.b(m.a(x)))), abc, torch.randn(2, 8), {"a": 8}),
    "a layer called on two branches": (
        lambda m, x: m.c(m.b(m.a(x)) + m.b(m.d(x))),
        abc | {"d": lin(8, 8)},
        torch.randn(2, 8),
        {"a": 8, "b": 8},
    ),
    "pooling": (
        lambda m, x: m.head(F.adaptive_avg_pool2d(m.b(F.max_pool2d(m.a(x), 2).relu()), 1).flatten(1)),
        images,
        PICTURE,
        {"a": 8, "b": 8},
    ),
    "a depthwise chain with norms": (
        lambda m, x: m.head(m.norm(m.deep(m.a(x))).mean((2, 3))),
        images | {"deep": conv(8, 8, groups=8), "norm": nn.BatchNorm2d(8)},
        PICTURE,
        {"a": 8},
    ),
    "a grouped convolution": (
        lambda m, x: m.head(m.b(m.grouped(m.a(x))).mean((2, 3))),
        images | {"grouped": conv(8, 8, groups=2)},
        PICTURE,
        {"a": 2, "b": 8},
    ),
    "a depthwise convolution that multiplies channels": (
        lambda m, x: m.head(m.b(m.deep(m.a(x))).mean((2, 3))),
        images | {"deep": conv(8, 16, groups=8), "b": conv(16, 8)},
        PICTURE,
        {"a": 8, "b": 8},
    ),
    "group norm": (
        lambda m, x: m.head(m.norm(m.a(x)).mean((2, 3))),
        images | {"norm": nn.GroupNorm(4, 8)},
        PICTURE,
        {"a": 4},
    ),
    "group norm over everything": (
        lambda m, x: m.head(m.norm(m.a(x)).mean((2, 3))),
        images | {"norm": nn.GroupNorm(1, 8)},
        PICTURE,
        {"a": 8},
    ),
    "padding": (
        lambda m, x: m.head(m.b(F.pad(m.a(x), (1, 0, 2, 1))).mean((2, 3))),
        images,
        PICTURE,
        {"a": 8, "b": 8},
    ),
    "pixel shuffle": (
        lambda m, x: m.b(F.pixel_shuffle(m.a(x), 2)).mean((2, 3)),
        {"a": conv(3, 16), "b": conv(4, 8)},
        PICTURE,
        {},
    ),
    "a gated linear unit": (
        lambda m, x: m.c(F.glu(m.a(x))),
        {"a": lin(8, 12), "c": lin(6, 3)},
        torch.randn(2, 8),
        {"a": 6},
    ),
    "layer norm": (lambda m, x: m.c(m.norm(m.a(x))), abc | {"norm": nn.LayerNorm(8)}, TOKENS, {"a": 8}),
    "tokens joined by two layers": (
        lambda m, x: m.c(torch.cat([m.a(x), m.b(x)], 1)).mean(1),
        abc,
        TOKENS,
        {"a": 8},
    ),
    "stacked and averaged": (
        lambda m, x: m.c(torch.stack([m.a(x), m.b(x)]).mean(0)),
        abc,
        torch.randn(2, 8),
        {"a": 8},
    ),
    "a class token": (
        lambda m, x: m.c(torch.cat([torch.zeros(2, 1, 8), m.a(x)], 1).mean(1)),
        abc,
        TOKENS,
        {},
    ),
    "softmax": (lambda m, x: m.c(m.b(m.a(x).softmax(-1))), abc, torch.randn(2, 8), {"b": 8}),
    "a matrix product": (lambda m, x: m.c(m.a(x) @ m.b.weight), abc, torch.randn(2, 8), {}),
    "an unknown function": (lambda m, x: m.c(m.b(m.a(x).cumsum(-1))), abc, torch.randn(2, 8), {"b": 8}),
    "a full reduction": (lambda m, x: m.c(x) * m.a(x).mean(), abc, torch.randn(2, 8), {}),
    "the model's output": (lambda m, x: m.b(m.a(x)), abc, torch.randn(2, 8), {"a": 8}),
    "an output read inside as well": (lambda m, x: torch.cat([m.a(x), m.c(m.a(x))], 1), abc, torch.randn(2, 8), {}),
    "indexing within": (lambda m, x: m.c(m.a(x)) + m.a(x)[:, 3:4], abc, torch.randn(2, 8), {}),
    "one element as a factor": (lambda m, x: m.c(m.b(m.a(x) * m.a(x)[0, 0])), abc, torch.randn(2, 8), {"b": 8}),
    "a fixed shape": (lambda m, x: m.c(m.a(x).view(2, 4, 2).flatten(1)), abc, torch.randn(2, 8), {}),
    "a shape asked for": (
        lambda m, x: m.head(m.a(x).view(x.shape[0], m.a(x).size(1), -1).mean(-1)),
        {"a": conv(3, 8), "head": lin(8, 2)},
        PICTURE,
        {"a": 8},
    ),
    "a scale by the width": (lambda m, x: m.c(m.a(x) / m.a(x).shape[-1]), abc, torch.randn(2, 8), {}),
    "a data-dependent branch": (
        lambda m, x: m.c(m.b(x) if m.a(x).sum().item() > 1e6 else m.b(-x)),
        abc,
        torch.randn(2, 8),
        {"b": 8},
    ),
}


@pytest.mark.parametrize("join", JOINS)
def test_the_sites_of_a_join(join: str) -> None:
    body, layers, x, expected = JOINS[join]
    torch.manual_seed(0)
    assert sites(Net(body, **layers), x) == expected
