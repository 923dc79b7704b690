"""MELD with context: what was said before, on a few lines, and the whole set where it is prepared."""

from __future__ import annotations

import numpy as np
import pytest

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.data import meld, meld_context

SAID = [("train", 0, "One"), ("train", 0, "Two"), ("train", 0, "Three"), ("train", 1, "Four"), ("dev", 1, "Five")]


def test_a_line_is_heard_with_the_earlier_ones_of_its_dialogue() -> None:
    lines = [{"split": split, "dialogue": str(dialogue), "text": text} for split, dialogue, text in SAID]
    assert meld_context.earlier(lines) == ["", "One", "One Two", "", ""]


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    folder = prepared_folder("meld_context")
    loaded, alone = meld_context.load(folder), meld.load(folder)
    openings = {"train": 1_038, "validation": 114, "test": 280}  # dialogues
    silent = {name: int((getattr(loaded, name).inputs["context"].max(axis=1) == 0).sum()) for name in SPLITS}
    assert silent["train"] + silent["calibration"] == openings["train"]
    assert [silent[name] for name in ("validation", "test")] == [openings["validation"], openings["test"]]
    for name in SPLITS:
        assert np.array_equal(getattr(loaded, name).inputs["text"], getattr(alone, name).inputs["text"])
        assert np.array_equal(getattr(loaded, name).labels, getattr(alone, name).labels)
    assert loaded.sha256 == "c41fe3c3f93847dfd908e7cd6a3be75ed7bdcdeb76e8dd3d886c1645b2cfd6ce"
