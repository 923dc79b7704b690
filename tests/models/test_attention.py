"""Attention against torch's own, of tokens to each other and to others, and with heads taken out."""

from __future__ import annotations

import torch
from torch import nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.models.attention import CrossAttention, SelfAttention
from l0gm_edge.models.transformer import attention_bias


def pair(kind: type[SelfAttention]) -> tuple[SelfAttention, nn.MultiheadAttention]:
    """Ours, and torch's with the same weights."""
    torch.manual_seed(0)
    ours, theirs = kind(8, 2).eval(), nn.MultiheadAttention(8, 2, batch_first=True).eval()
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
    theirs.in_proj_bias.data = torch.cat([part.bias.data for part in parts])
    theirs.out_proj.load_state_dict(ours.project.state_dict())
    return ours, theirs


def test_it_equals_torchs_multi_head_attention() -> None:
    ours, theirs = pair(SelfAttention)
    x = torch.randn(3, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0], rtol=1e-5, atol=1e-6)


def test_of_two_modalities_one_asks_and_the_other_is_read() -> None:
    ours, theirs = pair(CrossAttention)
    x, read = torch.randn(3, 5, 8), torch.randn(3, 9, 8)
    hidden = torch.rand(3, 9) < 0.4
    with torch.no_grad():
        expected, _ = theirs(x, read, read, key_padding_mask=hidden, need_weights=False)
        found = ours(x, read, attention_bias((~hidden).float()))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_its_units_are_heads() -> None:
    (site,) = SelfAttention(12, 3).inner_sites()
    assert (site.kind, site.width) == (SiteKind.HEADS, 3)
    project = next(member for member in site.members if member.module == "project")
    assert [unit for _, unit in zip(project.positions, project.units, strict=True)] == [0] * 4 + [1] * 4 + [2] * 4
