"""Reasoning: who asks, what is looked at, and that gates on the shared width reach both sides of an attention."""

from __future__ import annotations

import pytest
import token_models
import torch
from pydantic import ValidationError

from l0gm_edge.core.network import Model, Tokens, Transformer
from l0gm_edge.core.site import ReadsSeveral
from l0gm_edge.gates.groups import survey
from l0gm_edge.models.attention import CrossAttention, SelfAttention
from l0gm_edge.models.fusion.reasoning import ReasoningFusion


def test_the_answer_depends_on_both_and_on_no_question_at_all_it_is_still_one() -> None:
    model = token_models.model(token_models.recipe("reasoning")).eval()
    inputs = token_models.example(3)
    said = model(**inputs)
    assert not torch.allclose(model(**inputs | {"image": torch.zeros_like(inputs["image"])}), said)
    silent = model(**inputs | {"words": torch.zeros_like(inputs["words"])})
    assert torch.isfinite(silent).all()
    assert not torch.allclose(silent[0], silent[1])  # the pictures differ


@pytest.mark.parametrize("asks", ["sound", "image"])
def test_who_asks_must_be_one_of_several(asks: str) -> None:
    tokens = {"image": Tokens(patch=2)} | ({"words": Tokens(vocabulary=9)} if asks == "sound" else {})
    with pytest.raises(ValidationError, match=rf"asks \({asks}\) must be one of several modalities"):
        Model(fusion="reasoning", tokens=tokens, asks=asks, transformer=Transformer(blocks=1, heads=1), latent=4)


def test_one_site_holds_the_width_of_questions_and_of_what_they_look_at() -> None:
    config = token_models.recipe("reasoning")
    image = Tokens(patch=2, stem=(3, 4))
    tokens = {**config.model.tokens, "image": image}
    model = token_models.model(
        config.model_copy(update={"model": config.model.model_copy(update={"tokens": tokens})})
    ).eval()
    assert isinstance(model, ReasoningFusion)
    found = {site.name: site for site in survey(model, token_models.example()).sites}
    width = found["tokenizers.words.embedding"]
    touched = {(member.module, member.axis) for member in width.members}
    assert touched >= {
        ("tokenizers.image.project", "out"),
        ("tokenizers.audio.project", "out"),
        ("looks.0.cross", "in"),
        ("seen_norm", "out"),
        ("answer", "2"),
    }
    assert found["tokenizers.image.stem.0"].width == 3
    assert found["looks.1.cross.heads"].width == 2


def test_only_attention_to_others_reads_several() -> None:
    assert isinstance(CrossAttention(4, 2), ReadsSeveral)
    assert not isinstance(SelfAttention(4, 2), ReadsSeveral)
