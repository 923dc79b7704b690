"""Transformer blocks against torch's own, and with tokens that are not there."""

from __future__ import annotations

import torch
from torch import nn

from l0gm_edge.models.transformer import Block, attention_bias, gelu_layers


def test_it_equals_torchs_encoder_layer() -> None:
    torch.manual_seed(0)
    ours = Block(8, 2, gelu_layers(8, 12), 0.0).eval()
    theirs = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    parts = (ours.attention.query, ours.attention.key, ours.attention.value)
    theirs.self_attn.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
    theirs.self_attn.in_proj_bias.data = torch.cat([part.bias.data for part in parts])
    theirs.self_attn.out_proj.load_state_dict(ours.attention.project.state_dict())
    theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward[2].state_dict())
    x = torch.randn(3, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_absent_tokens_change_nothing() -> None:
    torch.manual_seed(0)
    block = Block(8, 2, gelu_layers(8, 12), 0.0).eval()
    x, other = torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    present = torch.tensor([[1.0, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 1]])
    mixed = torch.where(present[..., None] > 0, x, other)
    there = present > 0
    with torch.no_grad():
        first, second = block(x, attention_bias(present)), block(mixed, attention_bias(present))
    torch.testing.assert_close(first[there], second[there], rtol=1e-5, atol=1e-6)
