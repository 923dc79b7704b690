"""The Free Spoken Digit Dataset as it is published: a repository archive of .wav files, turned into named arrays."""

from __future__ import annotations

import io
import re
import wave
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import Arrays

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
ORIGINAL = Original(
    url=f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.zip",
    file="free-spoken-digit-dataset.zip",
    sha256=None,  # GitHub packs archives anew from time to time; `avmnist.prepare` checks what is in it
)
RATE_HZ = 8000
TEST_TAKES = 5
"""The source names takes 0-4 its test set. We keep the mark, and split by speaker instead."""
LARGEST_WAV_BYTES = 1 << 20
RECORDING = re.compile(r"[^/]+/recordings/(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]{1,2})\.wav")


class Clip(NamedTuple):
    """One recording, ordered as in the prepared form."""

    take: int
    speaker: str
    digit: int
    entry: str


def arrays(archive: Path) -> Arrays:
    """`pcm` int16, `offsets` uint32 (n + 1,), and for each clip `digit, speaker, take, is_test`.

    Clips are ordered by take, then speaker, then digit; `speaker` indexes `speaker_names`; `rate` is in Hz. Only
    recordings/*.wav are read, and in memory: no name in the archive becomes a path here. Raises DataError for a file
    that is no such archive, or for sound in another form.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            clips = sorted(_clips(packed))
            sounds = [_pcm(packed, clip.entry) for clip in clips]
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, wave.Error) as error:
        raise DataError(f"not an archive of .wav files: {error}", where=str(archive)) from error
    if not clips:
        raise DataError("the archive holds no recordings/<digit>_<speaker>_<take>.wav", where=str(archive))
    speakers = sorted({clip.speaker for clip in clips})
    takes = np.array([clip.take for clip in clips], np.uint8)
    return {
        "pcm": np.concatenate(sounds),
        "offsets": np.cumsum([0, *map(len, sounds)]).astype(np.uint32),
        "digit": np.array([clip.digit for clip in clips], np.uint8),
        "speaker": np.array([speakers.index(clip.speaker) for clip in clips], np.uint8),
        "take": takes,
        "is_test": (takes < TEST_TAKES).astype(np.uint8),
        "speaker_names": np.array(speakers),
        "rate": np.array(RATE_HZ, np.int32),
    }


def _clips(packed: zipfile.ZipFile) -> Iterator[Clip]:
    for entry in packed.infolist():
        name = RECORDING.fullmatch(entry.filename)
        if name and entry.file_size <= LARGEST_WAV_BYTES:
            yield Clip(int(name["take"]), name["speaker"], int(name["digit"]), entry.filename)


def _pcm(packed: zipfile.ZipFile, entry: str) -> NDArray[np.int16]:
    with wave.open(io.BytesIO(packed.read(entry))) as sound:
        form = (sound.getframerate(), sound.getnchannels(), 8 * sound.getsampwidth())
        if form != (RATE_HZ, 1, 16):
            raise DataError(
                "found {} Hz, {} channels, {} bits".format(*form),
                where=entry,
                allowed=f"{RATE_HZ} Hz, 1 channel, 16 bits",
            )
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.int16)
