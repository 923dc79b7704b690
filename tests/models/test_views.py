"""Views of a model's inputs: a modality speaks alone when the others bring no news."""

from __future__ import annotations

import pytest
import torch

from l0gm_edge.models.views import subsets, views


def test_each_modality_speaks_alone_and_then_all_do() -> None:
    rows = {"image": torch.rand(6, 1, 2, 2), "text": torch.randint(1, 9, (6, 3))}
    seen = views(rows)
    assert list(seen) == ["image alone", "text alone", "all together"]
    assert torch.equal(seen["image alone"]["image"], rows["image"])
    assert not seen["image alone"]["text"].any()
    assert not seen["text alone"]["image"].any()
    assert all(torch.equal(seen["all together"][name], values) for name, values in rows.items())


def test_one_modality_has_one_view() -> None:
    rows = {"table": torch.rand(4, 5)}
    assert list(views(rows)) == ["all together"]


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, []), (2, [1, 1, 2]), (3, [1] * 3 + [2] * 3 + [3]), (5, [1] * 5 + [4] * 5 + [5])]
)
def test_few_modalities_are_tried_in_every_subset_and_many_where_it_tells_most(count: int, sizes: list[int]) -> None:
    found = subsets([f"sense {at}" for at in range(count)])
    assert [len(names) for names in found] == sizes
    assert len(set(found)) == len(found)
