"""Clips of one length, noise at a given strength, log-mel spectrograms against a plain reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.data import _audio as audio


@given(st.integers(1, 3 * audio.LENGTH), st.integers(1, 32_000))
def test_every_clip_has_one_length_and_one_loudness(samples: int, amplitude: int) -> None:
    clip = np.resize(np.array([amplitude, -amplitude], np.int16), samples)
    sound = audio.fixed_length(clip)
    assert sound.shape == (audio.LENGTH,)
    assert sound.dtype == np.float32
    sounding = sound[sound != 0]
    assert len(sounding) == min(samples, audio.LENGTH)
    assert np.mean(np.square(sounding)) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("spare", [-101, -1, 0, 1, 100])
def test_a_clip_keeps_its_middle_and_its_order(spare: int) -> None:
    clip = np.arange(1, audio.LENGTH - spare + 1, dtype=np.int16)
    sound = audio.fixed_length(clip)
    placed = np.flatnonzero(sound)
    assert np.all(np.diff(placed) == 1)
    assert np.all(np.diff(sound[placed]) > 0)
    before, after = placed[0], audio.LENGTH - 1 - placed[-1]
    assert abs(before - after) <= 1
    middle = sound[audio.LENGTH // 2] / (sound[placed[1]] - sound[placed[0]])
    assert middle == pytest.approx(len(clip) / 2, abs=2)


def test_silence_stays_silence() -> None:
    assert not audio.fixed_length(np.zeros(10, np.int16)).any()
    assert not audio.fixed_length(np.zeros(0, np.int16)).any()


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_noise_is_white_and_as_strong_as_asked(snr_db: float) -> None:
    (noise,) = audio.white_noise([200], snr_db, seed=1)
    assert noise.shape == (200, audio.LENGTH)
    assert 10 * np.log10(np.mean(np.square(noise, dtype=np.float64))) == pytest.approx(-snr_db, abs=0.03)
    assert abs(noise.mean()) < 0.01 * noise.std()
    spectrum = np.mean(np.abs(np.fft.rfft(noise[:, :1024])) ** 2, axis=0)[1:-1]
    assert spectrum.std() / spectrum.mean() < 0.1  # 200 averaged periodograms of white noise: 1 / sqrt(200) = 0.07


def test_noise_does_not_depend_on_how_it_is_divided() -> None:
    (whole,) = audio.white_noise([5], 0.0, seed=2)
    parts = list(audio.white_noise([2, 3], 0.0, seed=2))
    assert np.array_equal(np.concatenate(parts), whole)
    (other,) = audio.white_noise([5], 0.0, seed=3)
    assert not np.array_equal(other, whole)


def test_log_mel_equals_a_plain_reference() -> None:
    sound = np.random.default_rng(0).normal(size=(2, audio.LENGTH)).astype(np.float32)
    found = audio.log_mel(sound)
    assert found.shape == (2, 1, audio.BANDS, audio.FRAMES)
    assert found.dtype == np.float32
    row, frame, band = 1, 17, 11
    piece = sound[row, frame * audio.HOP :][: audio.WINDOW].astype(np.float64) * np.hanning(audio.WINDOW)
    times = np.arange(audio.WINDOW)
    top = 2595 * np.log10(1 + 4000 / 700)
    low, centre, high = (700 * (10 ** (top * at / (audio.BANDS + 1) / 2595) - 1) for at in (band, band + 1, band + 2))
    total = 0.0
    for k in range(audio.WINDOW // 2 + 1):
        frequency = k * audio.RATE_HZ / audio.WINDOW
        weight = max(0.0, min((frequency - low) / (centre - low), (high - frequency) / (high - centre)))
        total += weight * abs(np.sum(piece * np.exp(-2j * np.pi * k * times / audio.WINDOW))) ** 2
    assert found[row, 0, band, frame] == pytest.approx(10 * np.log10(total), abs=1e-3)


@pytest.mark.parametrize("frequency", [200, 1000, 3500])
def test_a_tone_stands_in_its_own_band_at_its_own_time(frequency: int) -> None:
    times = np.arange(audio.LENGTH) / audio.RATE_HZ
    sound = np.where(times > 0.4, np.sin(2 * np.pi * frequency * times), 0).astype(np.float32)
    mel = audio.log_mel(sound[None])[0, 0]
    position = np.log10(1 + frequency / 700) / np.log10(1 + 4000 / 700) * (audio.BANDS + 1) - 1
    assert abs(mel[:, -1].argmax() - position) <= 1
    assert mel[:, :18].max() < mel[:, 22:].max() - 50  # 0.4 s is frame 20
