"""Randomly initialised models from `transformers` as they come, tiny or of their default size, with example inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Built = tuple[nn.Module, dict[str, Tensor]]


def tokens(vocabulary: int, length: int = 12, n: int = 2) -> Tensor:
    """Random token numbers (n, length)."""
    return torch.randint(2, vocabulary, (n, length))


def distilbert(tiny: bool) -> Built:
    """DistilBERT with a classifier."""
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    small: dict[str, Any] = {
        "vocab_size": 50,
        "dim": 24,
        "hidden_dim": 40,
        "n_layers": 2,
        "n_heads": 3,
        "max_position_embeddings": 16,
    }
    config = DistilBertConfig(**small if tiny else {})
    return DistilBertForSequenceClassification(config), {"input_ids": tokens(config.vocab_size)}


def bert(tiny: bool) -> Built:
    """BERT with a classifier."""
    from transformers import BertConfig, BertForSequenceClassification

    small: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": 16,
    }
    config = BertConfig(**small if tiny else {})
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[1, 8:] = 0
    return BertForSequenceClassification(config), {"input_ids": tokens(config.vocab_size), "attention_mask": mask}


def bert_tied(tiny: bool) -> Built:
    """BERT that predicts masked words, its output tied to the embedding."""
    from transformers import BertConfig, BertForMaskedLM

    small: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": 16,
    }
    config = BertConfig(**small if tiny else {})
    return BertForMaskedLM(config), {"input_ids": tokens(config.vocab_size)}


def vit(tiny: bool) -> Built:
    """A vision transformer with a classifier."""
    from transformers import ViTConfig, ViTForImageClassification

    small: dict[str, Any] = {
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "image_size": 16,
        "patch_size": 4,
    }
    config = ViTConfig(**small if tiny else {})
    return ViTForImageClassification(config), {"pixel_values": torch.randn(2, 3, config.image_size, config.image_size)}


def mobilenet_v2(tiny: bool) -> Built:
    """MobileNetV2 with a classifier."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    small: dict[str, Any] = {"depth_multiplier": 0.35, "min_depth": 4, "depth_divisible_by": 4}
    size = 32 if tiny else 224
    return MobileNetV2ForImageClassification(MobileNetV2Config(**small if tiny else {})), {
        "pixel_values": torch.randn(2, 3, size, size)
    }


def mobilevit(tiny: bool) -> Built:
    """MobileViT with a classifier."""
    from transformers import MobileViTConfig, MobileViTForImageClassification

    small: dict[str, Any] = {
        "hidden_sizes": [16, 24, 32],
        "neck_hidden_sizes": [8, 8, 12, 12, 16, 16, 24],
        "image_size": 64,
        "num_attention_heads": 2,
    }
    config = MobileViTConfig(**small if tiny else {})
    return MobileViTForImageClassification(config), {
        "pixel_values": torch.randn(2, 3, config.image_size, config.image_size)
    }


def clip(tiny: bool) -> Built:
    """CLIP's two towers and their shared space."""
    from transformers import CLIPConfig, CLIPModel

    text: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": 16,
        "eos_token_id": 1,
        "bos_token_id": 0,
    }
    image: dict[str, Any] = {
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "image_size": 16,
        "patch_size": 4,
    }
    config = CLIPConfig(text_config=text, vision_config=image, projection_dim=16) if tiny else CLIPConfig()
    size = config.vision_config.image_size
    ids = tokens(config.text_config.vocab_size)
    return CLIPModel(config), {"input_ids": ids, "pixel_values": torch.randn(2, 3, size, size)}


def whisper_encoder(tiny: bool) -> Built:
    """Whisper's audio encoder."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    small: dict[str, Any] = {
        "d_model": 24,
        "encoder_layers": 2,
        "encoder_attention_heads": 3,
        "encoder_ffn_dim": 40,
        "num_mel_bins": 8,
        "max_source_positions": 20,
        "vocab_size": 50,
        "decoder_layers": 1,
    }
    config = WhisperConfig(**small if tiny else {})
    return WhisperEncoder(config), {
        "input_features": torch.randn(2 if tiny else 1, config.num_mel_bins, 2 * config.max_source_positions)
    }


def t5_encoder(tiny: bool) -> Built:
    """T5's encoder."""
    from transformers import T5Config, T5EncoderModel

    small: dict[str, Any] = {"vocab_size": 50, "d_model": 24, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 3}
    config = T5Config(**small if tiny else {})
    return T5EncoderModel(config), {"input_ids": tokens(config.vocab_size)}


def llama(tiny: bool) -> Built:
    """A small Llama-style decoder: grouped queries, RMS norms, output tied to the embedding."""
    from transformers import LlamaConfig, LlamaForCausalLM

    small: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "head_dim": 4,
    }
    large: dict[str, Any] = {
        "vocab_size": 32000,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 12,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
    }
    config = LlamaConfig(**(small if tiny else large), tie_word_embeddings=True, use_cache=False)
    return LlamaForCausalLM(config), {"input_ids": tokens(config.vocab_size)}


MODELS: dict[str, Callable[..., Built]] = {
    build.__name__: build
    for build in (
        distilbert, bert, bert_tied, vit, mobilenet_v2, mobilevit, clip, whisper_encoder, t5_encoder, llama
    )
}  # fmt: skip


def randomise(model: nn.Module, seed: int = 0) -> None:
    """Random values for what starts out constant (norms, biases, statistics), and weights that pass signals on."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
            elif parameter.dim() > 1:
                parameter.mul_((len(parameter) / parameter.numel()) ** 0.5 / parameter.std())
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.3)
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
