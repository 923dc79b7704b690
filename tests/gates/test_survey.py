"""Which units of a model can go and which cannot, and why; the model is left as it was."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from joins import Body, Net, conv, lin, sites
from torch import Tensor, nn

from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.inputs import Example
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.surgery import shrink

PICTURE = torch.randn(2, 3, 4, 4)
abc = {"a": lin(8, 8), "b": lin(8, 8), "c": lin(8, 3)}


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
