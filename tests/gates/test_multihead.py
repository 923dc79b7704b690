"""torch's attention in plain operations, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from l0gm_edge.gates.multihead import attend, make_headwise

BOOLEAN = torch.tensor([[False, True, False], [False, False, True], [False, False, False], [True, False, False]])
MASKS = {
    "none": {},
    "boolean": {"attn_mask": BOOLEAN},
    "added": {"attn_mask": torch.randn(4, 3)},
    "for each head": {"attn_mask": torch.randn(2 * 3, 4, 3)},
    "padding": {"key_padding_mask": torch.tensor([[False, False, True], [False, False, False]])},
    "both": {"attn_mask": BOOLEAN.roll(1, 1), "key_padding_mask": torch.tensor([[False, False, True], [False] * 3])},
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 5, "vdim": 7}]
)
@pytest.mark.parametrize("need_weights", [True, False])
def test_it_gives_what_the_layer_gives(mask: str, options: dict[str, int], need_weights: bool) -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(12, 3, batch_first=True, **options).eval()
    query, key = torch.randn(2, 4, 12), torch.randn(2, 3, options.get("kdim", 12))
    value = torch.randn(2, 3, options.get("vdim", 12))
    expected = layer(query, key, value, need_weights=need_weights, **MASKS[mask])
    found = attend(layer, query, key, value, need_weights=need_weights, **MASKS[mask])
    torch.testing.assert_close(found, expected)
    make_headwise(layer)
    torch.testing.assert_close(layer(query, key, value, need_weights=need_weights, **MASKS[mask]), expected)


@pytest.mark.parametrize("average", [True, False])
def test_time_may_come_first_and_the_batch_may_be_missing(average: bool) -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(12, 3).eval()
    for shape in ((4, 2, 12), (4, 12)):
        x = torch.randn(shape)
        expected = layer(x, x, x, average_attn_weights=average)
        torch.testing.assert_close(attend(layer, x, x, x, average_attn_weights=average), expected)


def test_closed_heads_give_nothing_and_their_weights_are_not_told() -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    x = torch.randn(2, 4, 12)
    gates = torch.tensor([1.0, 0.0, 1.0])
    out, weights = attend(layer, x, x, x, heads=lambda like: gates.repeat_interleave(4))
    _, each = layer(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(weights, (each[:, 0] + each[:, 2]) / 2)
    changed = torch.cat([torch.ones(4), torch.zeros(4), torch.ones(4)])
    masked = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    masked.load_state_dict(layer.state_dict())
    masked.out_proj.weight.data *= changed
    torch.testing.assert_close(out, masked(x, x, x)[0])


def test_the_drop_in_keeps_names_and_options() -> None:
    layer = nn.MultiheadAttention(12, 3, batch_first=True)
    names = list(layer.state_dict())
    make_headwise(layer)
    assert isinstance(layer, nn.MultiheadAttention)
    assert list(layer.state_dict()) == names
    assert (layer.embed_dim, layer.head_dim, layer.batch_first) == (12, 4, True)
