"""What the transmitters send: the bits of a whitened text, and a speech-like recording.

O'Shea and West (GRCon 2016) sent a book's text, whitened, and a spoken podcast. Here the text is put together from
word lists (256 random bits over it leave of any text what fair coin tosses leave). The podcast can't be had, so a
voice is synthesised with what matters of speech to a modulation classifier that sees two thirds of a millisecond:
pauses (in silence AM-DSB and WBFM are the same bare carrier), a wide range of levels, voiced sound with its energy
below 4 kHz, and the hiss of consonants, which pre-emphasis turns into wide deviation.

The published files hold the quiet opening of their podcast alone; at 10 dB and more a network takes 64 % of their WBFM
for AM-DSB. So this recording, too, opens in silence, then with somebody far away, and in its last third with a soft
voice near by: only that one turns the phase of WBFM by half a radian and more within a vector.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from cldnn_lab.data.generated_text import generate_entries

AUDIO_RATE = 44_100  # Hz
WHITENING_BITS = 256
# Of the opening, 20,000 samples: every other one of them makes the 10,000 that a published capture sends.
OPENING_SECONDS = 20_000 / AUDIO_RATE
# What is heard in it, one after the other: shares of its length, and the level (rms) in full scale.
_SILENT, _FAR, _NEAR = 0.30, 0.35, 0.35
_FAR_RMS, _NEAR_RMS = 0.0016, 0.024

# Vowel formants in Hz (Peterson and Barney 1952, rounded) with a fourth one common to all.
_VOWELS = np.array(
    [
        [270, 2290, 3010, 3500],
        [390, 1990, 2550, 3500],
        [530, 1840, 2480, 3500],
        [660, 1720, 2410, 3500],
        [730, 1090, 2440, 3500],
        [570, 840, 2410, 3500],
        [440, 1020, 2240, 3500],
        [300, 870, 2240, 3500],
        [490, 1350, 1690, 3500],
    ],
    dtype=float,
)
_FORMANT_WIDTHS = np.array([70.0, 100.0, 140.0, 250.0])  # Hz
_ACTIVE_RMS = 0.1  # of full scale while somebody speaks: the usual -20 dBFS
_ROOM_NOISE = 3e-4  # of full scale, about -70 dBFS: what is left in a pause
_SILENCE = 3e-5  # of full scale, the last of 16 bits: before anybody has come near the microphone


def draw_bits(rng: np.random.Generator, count: int, *, repeated_whitening: bool) -> np.ndarray:
    """What a digital transmitter sends in one capture: uint8 (count,), 0 or 1.

    Args:
        repeated_whitening: the first bits of a text, least significant bit first, XORed with 256 fair bits repeated;
            otherwise fair, independent bits.
    """
    if repeated_whitening:
        return _text_bits(count) ^ np.resize(rng.integers(0, 2, WHITENING_BITS, dtype=np.uint8), count)
    return np.unpackbits(np.frombuffer(rng.bytes(-(-count // 8)), np.uint8), count=count)


@lru_cache(maxsize=16)
def _text_bits(count: int) -> np.ndarray:
    text = " ".join(paragraph for _, _, paragraph in generate_entries(4, seed=0)).encode("ascii")
    return np.resize(np.unpackbits(np.frombuffer(text, np.uint8), bitorder="little"), count)


def make_recording(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Speech that opens quietly, for :data:`OPENING_SECONDS`: silence, a voice far away, a soft one near by.

    Returns:
        float32 within -1..1 (full scale), ``seconds`` long at AUDIO_RATE.
    """
    length = round(OPENING_SECONDS * AUDIO_RATE)
    opening, at = _SILENCE * rng.standard_normal(length), round(_SILENT * length)
    for share, level in ((_FAR, _FAR_RMS), (_NEAR, _NEAR_RMS)):
        voice = _make_vowels(rng, round(share * length))
        opening[at : at + len(voice)] += voice * (level / np.sqrt(np.mean(voice**2)))
        at += len(voice)
    return np.concatenate([opening.astype(np.float32), make_speech(rng, seconds - OPENING_SECONDS)])


def _make_vowels(rng: np.random.Generator, length: int) -> np.ndarray:
    """Voiced sound without a pause: one vowel glides into the next."""
    voice, at = np.zeros(length + AUDIO_RATE), 0
    while at < length:
        vowel = _make_vowel(rng, 140.0)
        voice[at : at + len(vowel)] += vowel / np.sqrt(np.mean(vowel**2))
        at += len(vowel) // 2
    return voice[len(vowel) // 4 :][:length]


def make_speech(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A voice that speaks in phrases of syllables, with pauses between.

    Returns:
        float32 within -1..1 (full scale of the recording), ``seconds`` long at AUDIO_RATE.
    """
    total = round(seconds * AUDIO_RATE)
    voice = np.zeros(total)
    at = 0
    while at < total:
        pitch = rng.uniform(85, 210)  # two or three people talk in turn
        loudness = 10 ** (rng.normal(0, 3) / 20)
        for _ in range(rng.integers(4, 16)):
            if rng.random() < 0.55:
                at = _place(voice, at, loudness * _make_consonant(rng))
            at = _place(voice, at, loudness * _make_vowel(rng, pitch))
            if rng.random() < 0.35:  # the closure before a plosive
                at += round(rng.uniform(0.02, 0.08) * AUDIO_RATE)
            pitch *= rng.uniform(0.95, 1.03)  # a phrase falls in pitch
        at += round(rng.uniform(0.15, 0.9) * AUDIO_RATE)
    spoken = voice[voice != 0]
    voice *= _ACTIVE_RMS / np.sqrt(np.mean(spoken**2)) if len(spoken) else 1.0
    voice += _ROOM_NOISE * rng.standard_normal(total)
    return np.clip(voice, -1, 1).astype(np.float32)


def _place(voice: np.ndarray, at: int, sound: np.ndarray) -> int:
    """Add a sound at its place; the next may begin before this one has died away."""
    room = voice[at : at + len(sound)]
    room += sound[: len(room)]
    return at + round(0.9 * len(sound))


def _make_vowel(rng: np.random.Generator, pitch: float) -> np.ndarray:
    """Glottal pulses at ``pitch`` Hz through four formant resonators, swelling and dying away."""
    length = round(rng.uniform(0.08, 0.25) * AUDIO_RATE)
    time = np.arange(length) / AUDIO_RATE
    glide = pitch * (1 + 0.1 * rng.normal() * time / time[-1] + 0.01 * np.sin(2 * np.pi * 5 * time))
    cycle = np.cumsum(glide) / AUDIO_RATE
    pulses = np.diff(np.floor(cycle), prepend=0.0)
    # The glottis falls off by 12 dB an octave, the lips give 6 dB back.
    sound = lfilter([1.0, -1.0], np.convolve([1, -0.985], [1, -0.9]), pulses)
    sound += 0.01 * np.std(sound) * rng.standard_normal(length)  # breath
    formants = _VOWELS[rng.integers(len(_VOWELS))] * rng.uniform(0.92, 1.12)
    for centre, width in zip(formants, _FORMANT_WIDTHS, strict=True):
        radius = np.exp(-np.pi * width / AUDIO_RATE)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * centre / AUDIO_RATE), radius**2]
        sound = lfilter([sum(poles)], poles, sound)
    return _swell(sound, 10 ** (rng.normal(0, 4) / 20))


def _make_consonant(rng: np.random.Generator) -> np.ndarray:
    """Noise in a band between 1.5 and 9 kHz, 4 to 20 dB below a vowel."""
    length = round(rng.uniform(0.03, 0.12) * AUDIO_RATE)
    low = rng.uniform(1500, 4500)
    band = butter(2, [low, low * rng.uniform(1.5, 2.0)], "bandpass", fs=AUDIO_RATE, output="sos")
    return _swell(sosfilt(band, rng.standard_normal(length)), 10 ** (-rng.uniform(4, 20) / 20))


def _swell(sound: np.ndarray, level: float) -> np.ndarray:
    envelope = np.sin(np.pi * (np.arange(len(sound)) + 0.5) / len(sound)) ** 0.7
    return sound * envelope * (level / np.sqrt(np.mean(sound**2)))
