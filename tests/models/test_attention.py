"""Self-attention against torch's own, and with heads taken out."""

from __future__ import annotations

import torch
from torch import nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.models.attention import SelfAttention


def test_it_equals_torchs_multi_head_attention() -> None:
    torch.manual_seed(0)
    ours, theirs = SelfAttention(8, 2).eval(), nn.MultiheadAttention(8, 2, batch_first=True).eval()
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
    theirs.in_proj_bias.data = torch.cat([part.bias.data for part in parts])
    theirs.out_proj.load_state_dict(ours.project.state_dict())
    x = torch.randn(3, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0], rtol=1e-5, atol=1e-6)


def test_its_units_are_heads() -> None:
    (site,) = SelfAttention(12, 3).inner_sites()
    assert (site.kind, site.width) == (SiteKind.HEADS, 3)
    project = next(member for member in site.members if member.module == "project")
    assert [unit for _, unit in zip(project.positions, project.units, strict=True)] == [0] * 4 + [1] * 4 + [2] * 4
