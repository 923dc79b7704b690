"""Sound: clips of one length, white noise at a given strength, log-mel spectrograms. 8 kHz unless told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Array

Samples = NDArray[np.int16]

RATE_HZ = 8000
BANDS = 32
FRAMES = 32
WINDOW = 256
"""Samples a frame: 32 ms."""
HOP = 160
"""Samples from frame to frame: 20 ms."""
LENGTH = WINDOW + HOP * (FRAMES - 1)
"""Samples a clip: 0.652 s, longer than nineteen in twenty spoken digits of FSDD."""


def fixed_length(clip: Samples) -> Array:
    """The middle `LENGTH` samples of a clip, silence on both sides when it is shorter, at a mean power of one.

    The power is that of the sounding part, so that noise added later stands at the same ratio for every clip.
    """
    spare = LENGTH - len(clip)
    sound = (clip if spare >= 0 else clip[-spare // 2 :][:LENGTH]).astype(np.float32)
    power = np.mean(np.square(sound)) if len(sound) else 0.0
    padded = np.zeros(LENGTH, np.float32)
    start = max(spare, 0) // 2
    padded[start : start + len(sound)] = sound / np.sqrt(power) if power > 0 else sound
    return padded


def white_noise(blocks: list[int], snr_db: float, seed: int) -> Iterator[Array]:
    """Blocks of (rows, LENGTH) white noise, `snr_db` below a power of one, from one stream that never changes.

    The samples are uniform rather than normal: the generator's raw bits are promised to stay, and a spectrum of 256
    samples cannot tell.
    """
    bits = np.random.PCG64(seed)
    scale = np.float32(np.sqrt(3 * 10 ** (-snr_db / 10)) / 2**15)  # uniform on -1..1 has power 1/3
    for rows in blocks:
        raw = np.atleast_1d(bits.random_raw(rows * LENGTH // 4)).view(np.int16)
        yield raw.reshape(rows, LENGTH) * scale


def log_mel(sound: Array) -> Array:
    """Log power of (n, LENGTH) sound in BANDS mel bands by FRAMES Hann windows, in dB: (n, 1, BANDS, FRAMES)."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW, axis=1)[:, ::HOP]
    spectrum = np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=2)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = np.einsum("nfk,bk->nbf", power.astype(np.float32), _mel_bands(), optimize=True)
    return np.asarray(10 * np.log10(mel + 1e-6), np.float32)[:, None]


def _mel_bands() -> Array:
    """Triangles (BANDS, WINDOW // 2 + 1) from 0 to half the rate, evenly spaced in mel = 2595 log10(1 + f / 700)."""
    top = 2595 * np.log10(1 + RATE_HZ / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)
