"""`nn.MultiheadAttention` in plain operations: with gates on it, and cut to a width that its heads do not divide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Gate = Callable[[Tensor], Tensor]
"""Gate values (width,) for a tensor of that last width, in its number format."""


class HeadwiseAttention(nn.MultiheadAttention):
    """A drop-in for `nn.MultiheadAttention` whose heads have a width of their own: the parameters say what it is.

    Made from one by changing its class, so names, state dict and options are the same.
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As `nn.MultiheadAttention.forward`."""
        return attend(
            self, query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
        )


def make_headwise(layer: nn.MultiheadAttention) -> None:
    """Let the layer, in place, read its widths off its parameters, and say them."""
    layer.__class__ = HeadwiseAttention
    layer._qkv_same_embed_dim = False  # keeps torch's transformer layers from their fused path
    query, key, value = _weights(layer)
    layer.embed_dim, layer.kdim, layer.vdim = query.shape[1], key.shape[1], value.shape[1]
    layer.head_dim = query.shape[0] // layer.num_heads


def attend(
    layer: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,  # noqa: ARG001
    read: Gate | None = None,
    heads: Gate | None = None,
) -> tuple[Tensor, Tensor | None]:
    """What `layer` gives for these arguments; `read` gates what it reads, `heads` what its heads give.

    The attention weights that it gives beside its output are those of open heads. As in torch, `is_causal` only tells
    what `attn_mask` says already.
    """
    same_key, same_value = key is query, value is key
    if read is not None:
        query = query * read(query)
        key = query if same_key else key * read(key) if layer.in_proj_weight is not None else key
        value = key if same_value else value * read(value) if layer.in_proj_weight is not None else value
    batched = query.dim() == 3
    if not batched:
        query, key, value = (tensor.unsqueeze(0) for tensor in (query, key, value))
    elif not layer.batch_first:
        query, key, value = (tensor.transpose(0, 1) for tensor in (query, key, value))
    projected = [
        F.linear(tensor, weight, bias)
        for tensor, weight, bias in zip((query, key, value), _weights(layer), _biases(layer), strict=True)
    ]
    samples, targets = query.shape[0], query.shape[1]
    for index, extra in ((1, layer.bias_k), (2, layer.bias_v)):
        if extra is not None:
            projected[index] = torch.cat([projected[index], extra.expand(samples, 1, -1)], 1)
        if layer.add_zero_attn:
            projected[index] = F.pad(projected[index], (0, 0, 0, 1))
    q, k, v = (tensor.reshape(*tensor.shape[:2], layer.num_heads, -1).transpose(1, 2) for tensor in projected)
    added = (layer.bias_k is not None) + bool(layer.add_zero_attn)
    mask = _mask(layer, q, key_padding_mask, attn_mask, added)
    dropout = layer.dropout if layer.training else 0.0
    weights = None
    if need_weights:
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        weights = F.dropout(torch.softmax(scores if mask is None else scores + mask, -1), dropout)
        mixed = weights @ v
        weights = _told(weights, heads, average_attn_weights)
        weights = weights if batched else weights.squeeze(0)
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout)
    mixed = mixed.transpose(1, 2).reshape(samples, targets, -1)
    if heads is not None:
        mixed = mixed * heads(mixed)
    out = F.linear(mixed, layer.out_proj.weight, layer.out_proj.bias)
    out = out.squeeze(0) if not batched else out if layer.batch_first else out.transpose(0, 1)
    return out, weights


@contextmanager
def layer_by_layer(model: nn.Module) -> Iterator[None]:
    """torch's transformer layers run their parts one by one, as in training, while the context lasts."""
    undo = split_fast_paths(model)
    try:
        yield
    finally:
        undo()


def split_fast_paths(model: nn.Module) -> Callable[[], None]:
    """Keep torch's transformer layers from the fused path that passes their parts by; returns what undoes it."""
    changed: list[tuple[nn.Module, str, object]] = []
    for module in model.modules():
        for kind, name in (
            (nn.TransformerEncoderLayer, "activation_relu_or_gelu"),
            (nn.TransformerEncoder, "use_nested_tensor"),
        ):
            if isinstance(module, kind) and hasattr(module, name):
                changed.append((module, name, getattr(module, name)))
                setattr(module, name, 0)

    def undo() -> None:
        for module, name, before in changed:
            setattr(module, name, before)

    return undo


def _weights(layer: nn.MultiheadAttention) -> list[Tensor]:
    together: Tensor | None = layer.in_proj_weight
    if together is not None:
        return list(together.chunk(3))
    return [weight for weight in (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight) if weight is not None]


def _biases(layer: nn.MultiheadAttention) -> list[Tensor] | list[None]:
    return [None] * 3 if layer.in_proj_bias is None else list(layer.in_proj_bias.chunk(3))


def _mask(
    layer: nn.MultiheadAttention, q: Tensor, padding: Tensor | None, attention: Tensor | None, added: int
) -> Tensor | None:
    """One mask to add to the scores, (samples or 1, heads or 1, targets or 1, sources)."""
    masks = []
    if attention is not None:
        shaped = attention if attention.dim() == 2 else attention.view(len(q), -1, *attention.shape[1:])
        if shaped.dim() == 4 and shaped.shape[1] != layer.num_heads:  # given for each of the heads there once were
            shaped = shaped[:, :1]
        masks.append(shaped)
    if padding is not None:
        masks.append((padding if padding.dim() == 2 else padding.unsqueeze(0))[:, None, None, :])
    if not masks:
        return None
    additive = [
        torch.zeros_like(mask, dtype=q.dtype).masked_fill(mask, float("-inf")) if mask.dtype == torch.bool else mask
        for mask in masks
    ]
    return F.pad(additive[0] if len(additive) == 1 else additive[0] + additive[1], (0, added)).to(q.dtype)


def _told(weights: Tensor, heads: Gate | None, average: bool) -> Tensor:
    if not average:
        return weights
    if heads is None:
        return weights.mean(1)
    width = weights.shape[1]
    gates = heads(weights)
    open_heads = (gates.view(width, -1)[:, 0] > 0).to(weights.dtype).view(-1, 1, 1)
    return (weights * open_heads).sum(1) / open_heads.sum().clamp_min(1)
