"""The cut of networks and layers that are not ours equals the gated one; it can be counted, replayed, and exported."""

from __future__ import annotations

import copy

import awkward_networks
import foreign_models
import pytest
import torch
from closed_gates import cut_and_compared, random_gates
from torch import nn

from l0gm_edge.core.plan import Surgery
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.size import size_model
from l0gm_edge.gates.surgery import perform, surgery
from l0gm_edge.prune.verify import TOLERANCE, relative_difference


def made(name: str) -> tuple[nn.Module, torch.Tensor, Layout]:
    torch.manual_seed(0)
    model, example = awkward_networks.NETWORKS[name]()
    foreign_models.randomise(model.eval())
    layout = Layout.of(survey(model, example).sites)
    assert layout.units
    return model, example, layout


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", awkward_networks.NETWORKS)
def test_the_cut_network_equals_the_gated_one(name: str, seed: int) -> None:
    model, example, layout = made(name)
    size = size_model(model, layout, example)
    everything = torch.ones(layout.units)
    assert round(float(size.parameters(everything))) == sum(p.numel() for p in model.parameters())
    small, gates, difference = cut_and_compared(model, layout, example, seed)
    assert difference <= TOLERANCE
    assert sum(p.numel() for p in small.parameters()) == round(float(size.parameters(gates > 0)))


@pytest.mark.parametrize("name", awkward_networks.NETWORKS)
def test_its_plan_is_replayed_on_a_fresh_network_which_takes_its_weights(name: str) -> None:
    model, example, layout = made(name)
    small, gates, _ = cut_and_compared(model, layout, example, 1)
    plan = Surgery.model_validate_json(surgery(model, layout, gates).model_dump_json())
    torch.manual_seed(5)
    rebuilt = awkward_networks.NETWORKS[name]()[0].eval()
    perform(rebuilt, plan)
    rebuilt.load_state_dict(small.state_dict())
    assert relative_difference(small, rebuilt, example) == 0


@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")  # torch exports no recurrent layer without
@pytest.mark.parametrize("name", awkward_networks.NETWORKS)
def test_it_is_an_ordinary_module(name: str) -> None:
    model, example, layout = made(name)
    small, _, _ = cut_and_compared(model, layout, example, 2)
    twin = copy.deepcopy(small)
    assert relative_difference(small, twin, example) == 0
    program = torch.export.export(small, (example,)).module()
    torch.testing.assert_close(program(example), small(example), rtol=1e-4, atol=1e-5)
    small.train()(example).sum().backward()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("attention by einsum", {SiteKind.HEADS: 3}),
        ("attention by bmm", {SiteKind.HEADS: 3}),
        ("grouped queries", {SiteKind.HEADS: 3}),
        ("rotary positions", {SiteKind.HEADS: 3}),
        ("heads in a configuration", {SiteKind.HEADS: 3}),
        ("torch's attention", {SiteKind.HEADS: 3}),
        ("residual convolutions", {SiteKind.BLOCKS: 3}),
        ("torch's encoder", {SiteKind.BLOCKS: 3}),
        ("fused projections", {SiteKind.BLOCKS: 3, SiteKind.HEADS: 3}),
    ],
)
def test_heads_and_blocks_are_found(name: str, kinds: dict[SiteKind, int]) -> None:
    _, _, layout = made(name)
    found = {site.kind: site.width for site in layout.sites}
    assert {kind: found.get(kind) for kind in kinds} == kinds


def test_a_configuration_that_layers_share_is_not_written_to() -> None:
    model, example, layout = made("heads in a configuration")
    shared = model[1].config
    small = copy.deepcopy(model, {id(shared): shared})
    gates = torch.ones(layout.units)
    heads = next(site for site in layout.sites if site.kind is SiteKind.HEADS)
    gates[layout.offsets[heads.name]] = 0
    perform(small, surgery(small, layout, gates))
    assert (small[1].config.heads, shared.heads) == (2, 3)
    assert small(example).shape == model(example).shape


def test_a_dropped_block_takes_along_what_is_inside() -> None:
    model, _, layout = made("residual convolutions")
    gates = random_gates(layout, 0)
    blocks = next(site for site in layout.sites if site.kind is SiteKind.BLOCKS)
    gates[layout.span(blocks)] = torch.tensor([1.0, 0.0, 1.0])
    plan = surgery(model, layout, gates)
    assert [one.module for one in plan.dropped] == ["1.1"]
    assert not any(one.module.startswith("1.1.") for one in plan.slices)


def test_the_encoder_with_a_padding_mask_and_nested_tensors_allowed() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(12, 4, 20, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    foreign_models.randomise(model)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[1, 3:] = True
    example = {"src": torch.randn(2, 5, 12), "src_key_padding_mask": mask}
    layout = Layout.of(survey(model, example).sites)
    small, _, _ = cut_and_compared(model, layout, example, 0)
    gates = random_gates(layout, 0)
    kept = ~mask.unsqueeze(-1)
    gating = Gating(model, layout, lambda training: gates)
    with torch.no_grad():
        expected, found = model(**example), small(**example)
    gating.remove()
    torch.testing.assert_close(found * kept, expected * kept, rtol=1e-5, atol=1e-5)
