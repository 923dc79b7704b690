"""Which units of a model can go, for every way in which layers join: expected sites, and never a wrong one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.inputs import Example
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.surgery import shrink

Body = Callable[[nn.ModuleDict, Tensor], Tensor]


class Net(nn.Module):
    """Named layers, and a forward pass given as a function."""

    def __init__(self, body: Body, **layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.body = body
        self.offset = nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.layers, x)


def lin(before: int, after: int) -> nn.Linear:
    return nn.Linear(before, after)


def conv(before: int, after: int, **more: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, **more)


def sites(net: nn.Module, x: Tensor | None = None) -> dict[str, int]:
    """Width of each site by name, without the prefix of the layer dictionary."""
    found = survey(net, {"x": torch.randn(2, 8) if x is None else x}).sites
    return {site.name.removeprefix("layers."): site.width for site in found}


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


def written_into(m: nn.ModuleDict, x: Tensor) -> Tensor:
    buffer = torch.zeros(2, 8)
    buffer[:, :] = m.a(x)
    return m.c(buffer)


def added_into_a_view(m: nn.ModuleDict, x: Tensor) -> Tensor:
    buffer = torch.zeros(2, 8)
    buffer[:, :8].add_(m.a(x))
    return m.c(buffer)


@pytest.mark.parametrize("body", [written_into, added_into_a_view])
def test_what_is_written_into_a_buffer_stays(body: Body) -> None:
    assert sites(Net(body, a=lin(8, 8), c=lin(8, 3))) == {}


def test_a_bare_parameter_between_layers_is_cut_along() -> None:
    net = Net(lambda m, x: m.c(m.a(x) + net.offset), a=lin(8, 8), c=lin(8, 3))
    (site,) = survey(net, torch.randn(2, 8)).sites
    (carried,) = (member for member in site.members if member.module == "offset")
    assert (carried.axis, carried.positions, carried.units) == ("0", tuple(range(8)), tuple(range(8)))


def test_a_bare_parameter_used_as_a_weight_keeps_every_unit() -> None:
    net = Net(lambda m, x: m.c(m.a(x) @ net.offset.diag()), a=lin(8, 8), c=lin(8, 3))
    found = survey(net, torch.randn(2, 8))
    assert found.sites == ()
    assert {one.module: one.reason for one in found.skipped}["layers.a"] == "passes through matmul in the model itself"


def test_an_embedding_is_cut_along_its_dimension() -> None:
    net = Net(lambda m, x: m.c(m.e(x).mean(1)), e=nn.Embedding(11, 6), c=lin(6, 3))
    assert sites(net, torch.randint(11, (2, 5))) == {"e": 6}


def test_a_tied_embedding_is_cut_with_what_it_is_tied_to_and_its_gates_are_hard() -> None:
    net = Net(lambda m, x: m.head(m.b(m.a(m.e(x)))), e=nn.Embedding(11, 6), a=lin(6, 8), b=lin(8, 6), head=lin(6, 11))
    net.layers.head.weight = net.layers.e.weight
    found = survey(net, torch.randint(11, (2, 5)))
    assert {site.name: (site.width, site.hard) for site in found.sites} == {
        "layers.e": (6, True),
        "layers.a": (8, False),
    }
    small = copy.deepcopy(net)
    layout = Layout.of(found.sites)
    kept = torch.ones(layout.units)
    kept[layout.offsets["layers.e"]] = 0
    shrink(small, layout, kept)
    assert small.layers.head.weight is small.layers.e.weight
    assert small.layers.e.weight.shape == (11, 5)


def test_an_embedding_used_as_a_weight_by_hand_stays_whole() -> None:
    net = Net(lambda m, x: F.linear(m.b(m.a(m.e(x))), m.e.weight), e=nn.Embedding(11, 6), a=lin(6, 8), b=lin(8, 6))
    found = survey(net, torch.randint(11, (2, 5)))
    assert [site.name for site in found.sites] == ["layers.a"]


def test_what_stays_is_listed_with_the_reason() -> None:
    net = Net(lambda m, x: m.c(m.b(m.a(x)).cumsum(-1)) + 0 * m.d(x).sum().item(), **abc, d=lin(8, 4))
    told = {
        one.module.removeprefix("layers."): (one.width, one.reason) for one in survey(net, torch.randn(2, 8)).skipped
    }
    assert told == {
        "b": (8, "passes through cumsum in the model itself"),
        "c": (3, "reaches the model's output"),
        "d": (4, "passes through sum in the model itself"),
    }


def test_code_that_fails_without_a_unit_is_the_reason() -> None:
    net = Net(lambda m, x: m.c(m.a(x).view(2, 4, 2).flatten(1)), **abc)
    told = {one.module: one.reason for one in survey(net, torch.randn(2, 8)).skipped}
    assert told["layers.a"].startswith("its code fails without a unit: RuntimeError: shape '[2, 4, 2]' is invalid")


@pytest.mark.parametrize("example", [torch.randn(2, 8), (torch.randn(2, 8),), {"x": torch.randn(2, 8)}])
def test_example_inputs_come_in_any_form(example: Example) -> None:
    net = Net(lambda m, x: {"out": [m.c(m.b(m.a(x)))]}, **abc)
    assert [site.name for site in survey(net, example).sites] == ["layers.a", "layers.b"]


def test_kinds_tell_what_the_units_are() -> None:
    net = Net(
        lambda m, x: m.head(m.up(m.face(m.a(x).mean((2, 3))).relu()).relu()),
        a=conv(3, 8), face=lin(8, 6), up=lin(6, 5), head=lin(5, 2),
    )  # fmt: skip
    found = survey(net, {"x": PICTURE}, interfaces={"layers.face"}).sites
    assert [site.kind for site in found] == [SiteKind.CHANNELS, SiteKind.INTERFACE, SiteKind.HIDDEN]


def test_the_model_is_left_as_it_was() -> None:
    net = Net(
        lambda m, x: m.c(m.norm(m.a(x))), a=lin(8, 8), norm=nn.LayerNorm(8), c=lin(8, 3), frozen=nn.BatchNorm1d(8)
    )
    net.train()
    net.layers.frozen.eval()  # as people do in fine-tuning
    own = net.layers.a.forward
    net.layers.a.forward = own
    before = {name: value.clone() for name, value in net.state_dict().items()}
    sites(net)
    assert net.layers.a.__dict__["forward"] is own
    assert all("forward" not in module.__dict__ for name, module in net.named_modules() if name != "layers.a")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert [name for name, module in net.named_modules() if not module.training] == ["layers.frozen"]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_model_that_does_not_run_is_refused_and_left_as_it_was() -> None:
    net = Net(lambda m, x: m.c(m.a(x)), a=lin(8, 8), c=lin(9, 3))
    with pytest.raises(ExportFailed, match="does not run on the example inputs"):
        sites(net)
    assert all("forward" not in module.__dict__ for module in net.modules())
    assert net.training
