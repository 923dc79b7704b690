"""Views of a model's inputs: a modality speaks alone when the others bring no news."""

from __future__ import annotations

import torch

from l0gm_edge.models.views import views


def test_each_modality_speaks_alone_and_then_all_do() -> None:
    rows = {"image": torch.rand(6, 1, 2, 2), "text": torch.randint(1, 9, (6, 3))}
    seen = views(rows)
    assert list(seen) == ["image alone", "text alone", "all together"]
    assert torch.equal(seen["image alone"]["image"], rows["image"])
    assert not seen["image alone"]["text"].any()
    assert torch.equal(seen["text alone"]["image"][3], rows["image"].mean(0))
    assert all(torch.equal(seen["all together"][name], values) for name, values in rows.items())


def test_one_modality_has_one_view() -> None:
    rows = {"table": torch.rand(4, 5)}
    assert list(views(rows)) == ["all together"]
