"""Models from `transformers`, exactly as they come: what is found, and that the cut equals the gated model."""

from __future__ import annotations

from collections import Counter

import foreign_models
import pytest
import torch
from closed_gates import cut_and_compared

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.groups import Survey, survey
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.size import size_model
from l0gm_edge.prune.cut import cut
from l0gm_edge.prune.verify import TOLERANCE

pytest.importorskip("transformers")
pytestmark = [
    # what other packages say about themselves when transformers is imported
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
HEADS, HIDDEN, WIDTH, CHANNELS, BLOCKS = (
    SiteKind.HEADS,
    SiteKind.HIDDEN,
    SiteKind.WIDTH,
    SiteKind.CHANNELS,
    SiteKind.BLOCKS,
)
FOUND = {
    "distilbert": {HEADS: 2, HIDDEN: 3, WIDTH: 1, BLOCKS: 1},
    "bert": {HEADS: 2, HIDDEN: 3, WIDTH: 1, BLOCKS: 1},
    "bert_tied": {HEADS: 2, HIDDEN: 2, WIDTH: 1, BLOCKS: 1},
    "vit": {HEADS: 2, HIDDEN: 2, CHANNELS: 1, BLOCKS: 1},
    "mobilenet_v2": {CHANNELS: 25, BLOCKS: 1},
    "mobilevit": {CHANNELS: 25, HEADS: 9, HIDDEN: 9, BLOCKS: 4},
    "clip": {HEADS: 4, HIDDEN: 4, BLOCKS: 2},  # both towers' widths and the shared space are among its outputs
    "whisper_encoder": {CHANNELS: 1, HEADS: 2, HIDDEN: 2, BLOCKS: 1},
    "t5_encoder": {HEADS: 1, HIDDEN: 2},  # all layers share the position bias that the first one computes
    "llama": {HEADS: 2, HIDDEN: 2, WIDTH: 1, BLOCKS: 1},
}


def looked_at(name: str, tiny: bool) -> tuple[torch.nn.Module, dict[str, torch.Tensor], Survey]:
    torch.manual_seed(0)
    model, example = foreign_models.MODELS[name](tiny=tiny)
    foreign_models.randomise(model.eval())
    return model, example, survey(model, example)


@pytest.mark.parametrize("name", foreign_models.MODELS)
def test_sites_are_found_and_cut_exactly(name: str) -> None:
    model, example, found = looked_at(name, tiny=True)
    assert Counter(site.kind for site in found.sites) == FOUND[name]
    layout = Layout.of(found.sites)
    size = size_model(model, layout, example)
    assert round(float(size.parameters(torch.ones(layout.units)))) == sum(p.numel() for p in model.parameters())
    for seed in range(3):
        small, gates, difference = cut_and_compared(model, layout, example, seed)
        assert difference <= TOLERANCE
        assert sum(p.numel() for p in small.parameters()) == round(float(size.parameters(gates > 0)))


def test_grouped_queries_are_cut_with_the_keys_they_share() -> None:
    model, _, found = looked_at("llama", tiny=True)
    heads = next(site for site in found.sites if site.kind is HEADS)
    attention = model.model.layers[0].self_attn
    widths = {member.module.rpartition(".")[2]: len(member.positions) for member in heads.members}
    assert heads.width == 3
    assert widths == {"q_proj": 24, "k_proj": 12, "v_proj": 12, "o_proj": 24}
    assert attention.q_proj.out_features == 24  # and the model is as it was


def test_a_tied_head_stays_tied() -> None:
    model, example, found = looked_at("llama", tiny=True)
    layout = Layout.of(found.sites)
    small, _, _ = cut_and_compared(model, layout, example, 0)
    assert small.lm_head.weight is small.model.embed_tokens.weight
    assert next(site for site in found.sites if site.kind is WIDTH).hard


def test_numbers_of_heads_follow_the_cut() -> None:
    model, _, found = looked_at("mobilevit", tiny=True)
    layout = Layout.of([site for site in found.sites if site.kind is HEADS])
    gates = torch.ones(layout.units)
    gates[[layout.offsets[site.name] for site in layout.sites]] = 0
    attention = cut(model, layout, gates).mobilevit.encoder.layer[2].transformer.layer[0].attention.attention
    assert (attention.num_attention_heads, attention.all_head_size) == (1, 8)


@pytest.mark.parametrize("name", ["bert", "vit", "mobilenet_v2", "mobilevit", "llama"])
def test_cut_models_save_load_and_export(name: str) -> None:
    model, example, found = looked_at(name, tiny=True)
    small, _, _ = cut_and_compared(model, Layout.of(found.sites), example, 1)
    small.load_state_dict(small.state_dict())
    program = torch.export.export(small, (), example).module()
    torch.testing.assert_close(program(**example).logits, small(**example).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("name", foreign_models.MODELS)
def test_models_of_their_default_size(name: str) -> None:
    model, example, found = looked_at(name, tiny=False)
    assert cut_and_compared(model, Layout.of(found.sites), example, 0)[2] <= TOLERANCE
