"""Emoji: the original tables and pictures on a small sample, and the whole set where it is prepared."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from undone import raw

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError, MissingExtra
from l0gm_edge.data import _emoji_table as names
from l0gm_edge.data import emoji
from l0gm_edge.data._prepared import read_arrays, read_text
from l0gm_edge.data._tokens import UNKNOWN

UNICODE = """\
# emoji-test.txt
# group: Smileys & Emotion
# subgroup: face-smiling
1F600                                                  ; fully-qualified     # 😀 E1.0 grinning face
263A FE0F                                              ; fully-qualified     # ☺️ E0.6 smiling face
263A                                                   ; unqualified         # ☺ E0.6 smiling face
# group: People & Body
# subgroup: hand-fingers-open
1F44B                                                  ; fully-qualified     # 👋 E0.6 waving hand
1F44B 1F3FF                                            ; fully-qualified     # 👋🏿 E1.0 waving hand: dark skin tone
# group: Symbols
# subgroup: keycap
0023 FE0F 20E3                                         ; fully-qualified     # #️⃣ E0.6 keycap: #
"""
EMOJIBASE = [
    {"hexcode": "0023-FE0F-20E3", "label": "keycap: #", "tags": ["key_cap"], "group": 8, "subgroup": 90},
    {
        "hexcode": "1F44B",
        "label": "waving hand",
        "tags": ["hand", "wave"],
        "group": 1,
        "subgroup": 2,
        "skins": [{"hexcode": "1F44B-1F3FF", "label": "waving hand: dark skin tone", "group": 1, "subgroup": 2}],
    },
    {"hexcode": "1F600", "label": "grinning face", "tags": ["face", "grin"], "group": 0, "subgroup": 0},
    {"hexcode": "1FAE9", "label": "face with bags", "tags": ["tired"], "group": 0, "subgroup": 0},
    {"hexcode": "1F1E6", "label": "regional indicator A"},
]
LIBRARY = {"😀": ["grinning_face", "face", "smile"], "👋": ["waving_hand", "palm"], "☺️": ["smiling face"]}
GEMOJI = [{"emoji": "😀", "tags": ["smile", "happy"]}, {"emoji": "👋", "tags": []}]
PLACE = np.ceil((np.arange(72) + 0.5) / 2.25).astype(int) - 1
"""The pixel of 32 in which each of 72 has its middle."""
CODES = ("23-20e3", "1f44b", "1f44b-1f3ff", "1f600", "1fae9", "1f1e6", "263a")


def as_png(picture: np.ndarray) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "PNG", compress_level=1)
    return packed.getvalue()


def large(images: np.ndarray) -> np.ndarray:
    """Pictures (n, 72, 72, 3) that are reduced to these."""
    return images[:, PLACE][:, :, PLACE]


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """The three tables."""
    (tmp_path / names.UNICODE).write_text(UNICODE, encoding="utf-8")
    (tmp_path / names.EMOJILIB).write_text(json.dumps(LIBRARY), encoding="utf-8")
    (tmp_path / names.GEMOJI).write_text(json.dumps(GEMOJI), encoding="utf-8")
    return tmp_path


def test_entries_come_in_order_with_names_groups_and_keywords(originals: Path) -> None:
    made = {one["code"]: one for one in names.entries(originals, EMOJIBASE, CODES)}
    assert list(made) == ["1f600", "263a", "1f44b", "1f44b-1f3ff", "23-20e3", "1fae9"]
    assert made["1f600"]["keywords"] == ["face", "smile", "grin", "happy"]
    assert made["1fae9"]["name"] == "face with bags"
    assert made["1fae9"]["subgroup"] == "face-smiling"
    assert made["23-20e3"]["keywords"] == ["key cap"]
    assert made["1f44b-1f3ff"] == {
        "code": "1f44b-1f3ff",
        "char": "👋🏿",
        "name": "waving hand: dark skin tone",
        "keywords": ["waving hand", "palm", "hand", "wave"],
        "group": "People & Body",
        "subgroup": "hand-fingers-open",
        "base": "1f44b",
        "tones": [5],
        "split": made["1f44b"]["split"],
    }
    assert json.loads(names.as_json(made.values())) == [*made.values()]


def test_only_emoji_with_a_picture_are_taken(originals: Path) -> None:
    assert [one["code"] for one in names.entries(originals, EMOJIBASE, ["1f44b"])] == ["1f44b"]


@pytest.mark.parametrize(
    ("file", "content"),
    [(names.UNICODE, "<html>"), (names.EMOJILIB, "<html>"), (names.EMOJILIB, "[]"), (names.GEMOJI, '[{"emoji": "x"}]')],
)
def test_other_tables_are_refused(originals: Path, file: str, content: str) -> None:
    (originals / file).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="not the tables of emoji"):
        names.entries(originals, EMOJIBASE, CODES)


def test_pictures_are_found_by_code_and_nothing_else_is_read(tmp_path: Path, as_archive) -> None:
    picture = as_png(np.zeros((72, 72, 4), np.uint8))
    inside = {
        "top/assets/72x72/1f441-fe0f-200d-1f5e8-fe0f.png": picture,
        "top/assets/svg/1f600.svg": b"x",
        "top/../assets/72x72/1f600.png": picture,
        "top/emojibase.data.json": json.dumps(EMOJIBASE).encode(),
    }
    (tmp_path / "a.zip").write_bytes(as_archive(inside))
    pictures, table = emoji.unpacked(tmp_path / "a.zip")
    assert set(pictures) == {"1f441-200d-1f5e8"}
    assert table == EMOJIBASE
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ({"top/emojibase.data.json": b"[]"}, "lacks pictures"),
        ({"top/assets/72x72/1f600.png": b"x"}, "lacks pictures or Emojibase"),
        ({"top/emojibase.data.json": b"<html>"}, "not an archive of emoji"),
    ],
)
def test_another_archive_is_refused(tmp_path: Path, as_archive, entries: dict[str, bytes], error: str) -> None:
    (tmp_path / "a.zip").write_bytes(as_archive(entries))
    with pytest.raises(DataError, match=error):
        emoji.unpacked(tmp_path / "a.zip")


def test_a_picture_is_laid_over_white_and_each_pixel_is_a_mean() -> None:
    draw = np.random.default_rng(0).integers(0, 256, (72, 72, 4), dtype=np.uint8)
    share = draw[..., 3:] / 255
    flat = draw[..., :3] * share + 255 * (1 - share)
    reduced = emoji.reduced(as_png(draw))
    for row, column in np.ndindex(32, 32):
        expected = flat[row == PLACE][:, column == PLACE].mean((0, 1))
        assert np.abs(reduced[row, column] - expected).max() < 2


@pytest.mark.parametrize(
    "content", [b"x", as_png(np.zeros((70, 72, 4), np.uint8)), as_png(np.zeros((72, 72), np.uint8))[:60]]
)
def test_another_picture_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="picture"):
        emoji.reduced(content)


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l0gm_edge.core.environment.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"l0gm-edge\[data\]"):
        emoji.prepare(tmp_path, tmp_path)


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path, as_archive) -> None:
    folder = prepared_folder("emoji")
    text, images = read_text(emoji.TABLE, folder), read_arrays(emoji.PICTURES, folder)["images"]
    table = json.loads(text)
    lines, bases = [], {}
    for one in table:
        code = one["code"].upper().replace("-", " ")
        lines += [f"# group: {one['group']}", f"# subgroup: {one['subgroup']}"]
        lines.append(f"{code} ; fully-qualified # {one['char']} E1.0 {one['name']}")
        base = bases.setdefault(one["base"], {"hexcode": one["base"].upper(), "label": "", "skins": []})
        base["skins"].append({"hexcode": one["code"].upper(), "label": one["name"]})
    (tmp_path / names.UNICODE).write_text("\n".join(lines), encoding="utf-8")
    library = {one["char"]: one["keywords"] for one in table}
    (tmp_path / names.EMOJILIB).write_text(json.dumps(library), encoding="utf-8")
    (tmp_path / names.GEMOJI).write_text("[]", encoding="utf-8")
    inside = {
        f"top/assets/72x72/{one['code']}.png": as_png(image) for one, image in zip(table, large(images), strict=True)
    }
    inside["top/emojibase.data.json"] = json.dumps([*bases.values()]).encode()
    (tmp_path / emoji.ASSETS).write_bytes(as_archive(inside))
    emoji.prepare(tmp_path, tmp_path / "prepared")
    assert read_text(emoji.TABLE, tmp_path / "prepared") == text
    assert np.array_equal(read_arrays(emoji.PICTURES, tmp_path / "prepared")["images"], images)


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    folder = prepared_folder("emoji")
    loaded = emoji.load(folder)
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == {
        "train": 1_216,
        "validation": 187,
        "calibration": 100,
        "test": 412,
    }
    groups = np.sum([np.bincount(getattr(loaded, name).labels, minlength=10) for name in SPLITS], axis=0)
    assert groups.tolist() == [169, 386, 9, 154, 136, 218, 85, 264, 224, 270]
    image = loaded.train.inputs["image"]
    assert image.mean((0, 2, 3), dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert loaded.train.inputs["text"].max() < emoji.READING.vocabulary
    assert loaded.sha256 == "584c2e69b28eed259875ac8d06a557afcefc7c53c026c8abbc7befb5dec442f0"
    words = loaded.prompts["text"]
    assert words.shape == (10, 48)
    assert len({tuple(row) for row in words.tolist()}) == 10
    assert not (words == UNKNOWN).any()
    toned = emoji.load(folder, tones=True)
    assert sum(len(getattr(toned, name)) for name in SPLITS) == 3_790
    assert len(toned.test) == 867
    whole = raw(loaded, "image")
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-3)
    assert (np.rint(whole.min()), np.rint(whole.max())) == (0, 255)
