"""Cutting while training: nothing changes but the size, optimiser states go along, and units keep their names."""

from __future__ import annotations

import copy

import pytest
import random_networks
import torch
from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.compaction import compact, skeleton
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.prune.verify import relative_difference

OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9),
    "plain": lambda parameters: torch.optim.SGD(parameters, lr=1e-2),
}


def network(seed: int) -> tuple[nn.Module, Layout, dict[str, Tensor]]:
    torch.manual_seed(seed)
    model, example = random_networks.Network(seed), random_networks.example()
    layout = Layout.of(survey(model, example).sites)
    return model.double(), layout, doubled(example)


def doubled(example: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.double() for name, values in example.items()}


def random_mask(layout: Layout, seed: int, share: float = 0.4) -> Tensor:
    """About that share closed, at least one unit open in every site."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(layout.units, generator=generator) >= share
    for site in layout.sites:
        if not kept[layout.span(site)].any():
            kept[layout.offsets[site.name]] = True
    return layout.alive(kept)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, seed: int) -> None:
    model.train()
    for step in range(steps):
        torch.manual_seed(100 * seed + step)
        inputs = doubled(random_networks.example(8))
        optimizer.zero_grad()
        model(**inputs).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_cut_model_trains_on_as_the_masked_one_would_have(make: object, seed: int) -> None:
    model, layout, _ = network(seed)
    mask = random_mask(layout, seed)
    Gating(model, layout, lambda _training: mask.float())
    optimizer = make(model.parameters())  # type: ignore[operator]
    train(model, optimizer, 3, seed)

    small = random_networks.Network(seed).double()
    small.load_state_dict(model.state_dict())
    its = make(small.parameters())  # type: ignore[operator]
    its.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    compact(small, layout, mask, its)
    assert list(map(id, its.param_groups[0]["params"])) != list(map(id, optimizer.param_groups[0]["params"]))
    assert {id(one) for one in its.param_groups[0]["params"]} == {id(one) for one in small.parameters()}
    assert set(its.state) <= set(small.parameters())

    train(model, optimizer, 3, seed + 50)
    train(small, its, 3, seed + 50)
    torch.manual_seed(0)
    assert relative_difference(model, small, doubled(random_networks.example(16))) <= 1e-7


@pytest.mark.parametrize("seed", range(12))
def test_the_layout_that_is_left_gates_the_smaller_model_as_the_whole_one(seed: int) -> None:
    model, layout, _ = network(seed)
    first = random_mask(layout, seed)
    small = copy.deepcopy(model)
    left = compact(small, layout, first, None)
    stays = torch.cat([first[layout.span(site)] & (site.name in left.offsets) for site in layout.sites])
    assert left.units == int(stays.sum())

    second = random_mask(left, seed + 1)
    whole = first.clone()
    whole[stays] = second
    Gating(small, left, lambda _training: second.float())
    Gating(model, layout, lambda _training: layout.alive(whole).float())
    assert relative_difference(model, small, doubled(random_networks.example(8))) <= 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_two_cuts_leave_what_one_leaves(seed: int) -> None:
    model, layout, example = network(seed)
    first = random_mask(layout, seed)
    twice, once = copy.deepcopy(model), copy.deepcopy(model)
    left = compact(twice, layout, first, None)
    second = random_mask(left, seed + 1)
    last = compact(twice, left, second, None)

    stays = torch.cat([first[layout.span(site)] & (site.name in left.offsets) for site in layout.sites])
    both = first.clone()
    both[stays] = second
    at_once = compact(once, layout, layout.alive(both), None)
    assert at_once == last
    assert {n: v.shape for n, v in once.state_dict().items()} == {n: v.shape for n, v in twice.state_dict().items()}
    assert all(torch.equal(value, twice.state_dict()[name]) for name, value in once.state_dict().items())
    assert relative_difference(twice, once, example) == 0


def test_sites_of_one_whole_module_have_nothing_left_to_choose() -> None:
    for seed in range(40):
        model, layout, _ = network(seed)
        experts = next((site for site in layout.sites if site.kind is SiteKind.EXPERTS), None)
        if experts is not None:
            break
    kept = torch.ones(layout.units, dtype=torch.bool)
    kept[layout.span(experts)] = False
    kept[layout.offsets[experts.name] + 1] = True
    left = compact(model, layout, layout.alive(kept), None)
    assert experts.name not in left.offsets
    inner = [site for site in left.sites if site.name.startswith("moe.experts.")]
    assert [(site.name, site.inside) for site in inner] == [("moe.experts.1.hidden", None)]
    assert {member.module for member in inner[0].members} == {"moe.experts.0.up", "moe.experts.0.down"}


def test_state_of_another_shape_begins_anew() -> None:
    model, layout, _ = network(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    train(model, optimizer, 1, 0)
    for state in optimizer.state.values():
        state["row"] = torch.zeros(3, 3)
    shapes = {id(parameter): parameter.shape for parameter in model.parameters()}
    kept = random_mask(layout, 0)
    compact(model, layout, kept, optimizer)
    same = [parameter for parameter in model.parameters() if parameter in optimizer.state]
    assert all("row" in optimizer.state[parameter] for parameter in same)
    assert len(same) < len(shapes)
    train(model, optimizer, 1, 0)


def test_groups_of_parameters_keep_their_settings() -> None:
    model, layout, _ = network(1)
    slow, quick = model.head.parameters(), [p for n, p in model.named_parameters() if not n.startswith("head")]
    optimizer = torch.optim.AdamW([{"params": list(slow), "lr": 1e-4}, {"params": quick, "lr": 1e-2}])
    compact(model, layout, random_mask(layout, 1), optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 1e-2]
    assert [id(p) for p in optimizer.param_groups[0]["params"]] == [id(p) for p in model.head.parameters()]


def test_a_skeleton_has_the_architecture_and_no_values() -> None:
    model, layout, _ = network(2)
    bare = skeleton(model)
    assert all(parameter.is_meta for parameter in bare.parameters())
    assert {n: p.shape for n, p in bare.named_parameters()} == {n: p.shape for n, p in model.named_parameters()}
    assert not any(parameter.is_meta for parameter in model.parameters())
    assert [list(entries) for entries in layout.axes(bare).values()] == [
        list(entries) for entries in layout.axes(model).values()
    ]
