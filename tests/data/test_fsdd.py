"""FSDD's repository archive, read from small samples in the original format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import _fsdd as fsdd

TOP = "free-spoken-digit-dataset-abc"
SOUND = {  # (take, speaker, digit): samples
    (0, "anna", 3): [1, -2, 3],
    (0, "bo", 1): [4, 5],
    (0, "bo", 2): [6],
    (2, "anna", 0): [-32768, 32767],
    (10, "anna", 0): [7, 8, 9, 10],
}


@pytest.fixture
def recordings(as_wav) -> dict[str, bytes]:
    """The sample's entries, in an order that is not the prepared one."""
    return {
        f"{TOP}/recordings/{digit}_{speaker}_{take}.wav": as_wav(np.array(SOUND[take, speaker, digit]))
        for take, speaker, digit in sorted(SOUND, key=lambda clip: (clip[2], clip[0]))
    }


def test_clips_are_ordered_by_take_speaker_digit(tmp_path: Path, recordings, as_archive) -> None:
    (tmp_path / "a.zip").write_bytes(as_archive(recordings))
    arrays = fsdd.arrays(tmp_path / "a.zip")
    names = arrays["speaker_names"][arrays["speaker"]]
    assert list(zip(arrays["take"], names, arrays["digit"], strict=True)) == list(SOUND)
    cut = np.split(arrays["pcm"], arrays["offsets"][1:-1])
    assert [part.tolist() for part in cut] == list(SOUND.values())
    assert arrays["is_test"].tolist() == [1, 1, 1, 1, 0]
    assert arrays["rate"] == 8000


def test_types_are_those_of_the_prepared_form(tmp_path: Path, recordings, as_archive) -> None:
    (tmp_path / "a.zip").write_bytes(as_archive(recordings))
    types = {name: values.dtype.str for name, values in fsdd.arrays(tmp_path / "a.zip").items()}
    assert types == {
        "pcm": "<i2",
        "offsets": "<u4",
        **dict.fromkeys(("digit", "speaker", "take", "is_test"), "|u1"),
        "speaker_names": "<U4",
        "rate": "<i4",
    }


def test_only_recordings_are_read_and_nothing_is_unpacked(tmp_path: Path, recordings, as_archive) -> None:
    others = dict.fromkeys(
        [
            f"{TOP}/README.md",
            f"{TOP}/spectrograms/0_anna_1.png",
            f"{TOP}/../recordings/0_anna_1.wav",
            "../recordings/0_anna_1.wav.exe",
            "/recordings/0_anna_1.wav",
            f"{TOP}/recordings/10_anna_1.wav",
            f"{TOP}/recordings/deeper/0_anna_1.wav",
        ],
        b"not sound",
    )
    (tmp_path / "a.zip").write_bytes(as_archive(others | recordings))
    assert len(fsdd.arrays(tmp_path / "a.zip")["digit"]) == len(SOUND)
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zip"]


def test_a_recording_too_large_to_be_one_is_left_out(tmp_path: Path, recordings, as_archive, as_wav) -> None:
    bomb = {f"{TOP}/recordings/0_anna_1.wav": as_wav(np.zeros(fsdd.LARGEST_WAV_BYTES, np.int16))}
    (tmp_path / "a.zip").write_bytes(as_archive(bomb | recordings))
    assert len(fsdd.arrays(tmp_path / "a.zip")["digit"]) == len(SOUND)


@pytest.mark.parametrize("form", [{"rate": 48_000}, {"channels": 2}], ids=["rate", "channels"])
def test_sound_in_another_form_is_refused(tmp_path: Path, as_wav, as_archive, form) -> None:
    entry = f"{TOP}/recordings/0_anna_1.wav"
    (tmp_path / "a.zip").write_bytes(as_archive({entry: as_wav(np.zeros(8), **form)}))
    with pytest.raises(DataError, match="Hz") as caught:
        fsdd.arrays(tmp_path / "a.zip")
    assert caught.value.where == entry


def test_an_archive_without_recordings_is_refused(tmp_path: Path, as_archive) -> None:
    (tmp_path / "a.zip").write_bytes(as_archive({f"{TOP}/README.md": b""}))
    with pytest.raises(DataError, match="holds no recordings"):
        fsdd.arrays(tmp_path / "a.zip")


@pytest.mark.parametrize("damage", ["no archive", "torn", "no sound inside", "missing"])
def test_what_is_no_such_archive_is_refused(tmp_path: Path, recordings, as_archive, damage: str) -> None:
    contents = {
        "no archive": b"<html>",
        "torn": as_archive(recordings)[:-30],
        "no sound inside": as_archive({f"{TOP}/recordings/0_anna_1.wav": b"RIFF, but not really"}),
    }
    if damage in contents:
        (tmp_path / "a.zip").write_bytes(contents[damage])
    with pytest.raises(DataError, match=r"not an archive of \.wav files"):
        fsdd.arrays(tmp_path / "a.zip")
