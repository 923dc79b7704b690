"""AV-MNIST: pairs on made-up labels; the whole set, and its preparation, where it is prepared."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError, IntegrityError
from l0gm_edge.data import _fsdd as fsdd
from l0gm_edge.data import _mnist as mnist
from l0gm_edge.data import avmnist
from l0gm_edge.data._prepared import read_arrays

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TRAIN_DIGITS = np.random.default_rng(0).integers(0, 10, 60_000).astype(np.uint8)
TEST_DIGITS = np.random.default_rng(1).integers(0, 10, 10_000).astype(np.uint8)
TAKE, SPEAKER, DIGIT = (axis.ravel().astype(np.uint8) for axis in np.mgrid[:50, :6, :10])
SPOKEN = {"take": TAKE, "speaker": SPEAKER, "digit": DIGIT, "speaker_names": np.array(SPEAKERS)}


@pytest.fixture(scope="module")
def pairs() -> dict[str, avmnist.Pairs]:
    return dict(avmnist.pair(TRAIN_DIGITS, TEST_DIGITS, SPOKEN))


def test_written_and_spoken_are_the_same_digit(pairs) -> None:
    for name, one in pairs.items():
        written = (TEST_DIGITS if name == "test" else TRAIN_DIGITS)[one.images]
        assert len(one.digits) == avmnist.SIZES[name]
        assert np.array_equal(written, one.digits)
        assert np.array_equal(DIGIT[one.clips], one.digits)


def test_no_image_serves_twice(pairs) -> None:
    from_train = np.concatenate([one.images for name, one in pairs.items() if name != "test"])
    for images in (from_train, pairs["test"].images):
        assert len(np.unique(images)) == len(images)


def test_the_test_speaker_is_heard_in_test_only(pairs) -> None:
    for name, one in pairs.items():
        heard = {SPEAKERS[index] for index in SPEAKER[one.clips]}
        assert heard == ({"yweweler"} if name == "test" else set(SPEAKERS) - {"yweweler"})


def test_another_speaker_stands_for_the_test_and_that_of_the_test_is_silent() -> None:
    for name, one in avmnist.pair(TRAIN_DIGITS, TEST_DIGITS, SPOKEN, "theo").items():
        heard = {SPEAKERS[index] for index in SPEAKER[one.clips]}
        assert heard == ({"theo"} if name == "test" else set(SPEAKERS) - {"theo", "yweweler"})


def test_a_speaker_who_is_not_heard_is_told_with_those_who_are() -> None:
    with pytest.raises(DataError, match="'nobody'") as told:
        avmnist.pair(TRAIN_DIGITS, TEST_DIGITS, SPOKEN, "nobody")
    assert told.value.allowed == ", ".join(SPEAKERS)


def test_no_recording_is_heard_in_two_splits(pairs) -> None:
    clips = [set(one.clips.tolist()) for one in pairs.values()]
    assert sum(map(len, clips)) == len(set().union(*clips))
    assert not set(TAKE[pairs["train"].clips]) & set(TAKE[pairs["validation"].clips])


def test_clips_take_turns(pairs) -> None:
    for one in pairs.values():
        for digit in range(10):
            _, heard = np.unique(one.clips[one.digits == digit], return_counts=True)
            assert heard.max() - heard.min() <= 1


def test_pairing_repeats(pairs) -> None:
    again = avmnist.pair(TRAIN_DIGITS, TEST_DIGITS, SPOKEN)
    for name, one in pairs.items():
        assert np.array_equal(again[name].images, one.images)
        assert np.array_equal(again[name].clips, one.clips)


def test_other_content_is_not_prepared(tmp_path: Path, as_archive, as_wav) -> None:
    for name, (file, _) in mnist.FILES.items():
        shape = (1, 28, 28) if name.startswith("x") else (1,)
        (tmp_path / file).write_bytes(gzip.compress(as_idx(np.zeros(shape, np.uint8))))
    (tmp_path / fsdd.ORIGINAL.file).write_bytes(as_archive({"a/recordings/0_anna_1.wav": as_wav(np.zeros(8))}))
    with pytest.raises(IntegrityError, match=r"mnist\.npz"):
        avmnist.prepare(tmp_path, tmp_path / "prepared")
    assert not (tmp_path / "prepared").exists()


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = avmnist.load(prepared_folder("avmnist"))
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == avmnist.SIZES
    assert loaded.shapes == {"image": (1, 28, 28), "audio": (1, 32, 32)}
    audio = loaded.train.inputs["audio"]
    assert audio.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert audio.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    image = loaded.test.inputs["image"].reshape(len(loaded.test), -1)
    assert np.linalg.matrix_rank(image, tol=1e-2) == avmnist.IMAGE_COMPONENTS
    assert np.abs(image).max() < 1.5


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(
    prepared_folder, tmp_path: Path, as_archive, as_wav
) -> None:
    folder = prepared_folder("avmnist")
    written, spoken = read_arrays(avmnist.MNIST, folder), read_arrays(avmnist.FSDD, folder)
    for name, (file, _) in mnist.FILES.items():
        (tmp_path / file).write_bytes(gzip.compress(as_idx(written[name]), compresslevel=1))
    clips = np.split(spoken["pcm"], spoken["offsets"][1:-1])
    names = spoken["speaker_names"][spoken["speaker"]]
    keys = [f"{digit}_{name}_{take}" for digit, name, take in zip(spoken["digit"], names, spoken["take"], strict=True)]
    recordings = {f"fsdd/recordings/{key}.wav": as_wav(clip) for key, clip in sorted(zip(keys, clips, strict=True))}
    (tmp_path / fsdd.ORIGINAL.file).write_bytes(as_archive(recordings))
    avmnist.prepare(tmp_path, tmp_path / "prepared")
    for one, expected in ((avmnist.MNIST, written), (avmnist.FSDD, spoken)):
        made = read_arrays(one, tmp_path / "prepared")
        assert all(np.array_equal(made[name], values) for name, values in expected.items())


def as_idx(values: np.ndarray) -> bytes:
    """MNIST's original format."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
