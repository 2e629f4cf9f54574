"""Sources and transmitters of the synthetic RadioML set against what the recipe says of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cldnn_lab.data.rml2016 import analog, content, digital, modulators
from cldnn_lab.data.rml2016.recipe import CLEAN, RML2016, Recipe
from cldnn_lab.data.rml2016.signals import BEFORE, SAMPLE_RATE, interpolate, make_phasor

DIGITAL = ("BPSK", "QPSK", "8PSK", "PAM4", "QAM16", "QAM64")


RECIPES = pytest.mark.parametrize("recipe", [RML2016, CLEAN], ids=["rml2016", "clean"])


def transmit(
    name: str, recipe: Recipe = CLEAN, captures: int = 400, length: int = 512, late: int | None = None
) -> np.ndarray:
    """(captures, length) of a transmission, from random instants or from ``late`` samples past a symbol's start."""
    rng = np.random.default_rng(3)
    transmitter = modulators.TRANSMITTERS[name]
    last = transmitter.samples(recipe) - length
    first = rng.integers(1_000, last, captures) if late is None else np.full(captures, 1_000 + late)
    content = np.stack([transmitter.draw(rng, recipe, 2016) for _ in range(captures)])
    return transmitter.send(content, np.arange(captures), first, length, recipe, 2016)


def spectrum(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, rising, and the share of the power at each."""
    power = np.mean(np.abs(np.fft.fft(x * np.hanning(x.shape[-1]), axis=-1)) ** 2, axis=0)
    frequency = np.fft.fftfreq(x.shape[-1], 1 / SAMPLE_RATE)
    return np.fft.fftshift(frequency), np.fft.fftshift(power / power.sum())


def occupied_bandwidth(x: np.ndarray, share: float = 0.99) -> float:
    frequency, power = spectrum(x)
    low, high = np.searchsorted(np.cumsum(power), [(1 - share) / 2, (1 + share) / 2])
    return float(frequency[high] - frequency[low])


@pytest.mark.parametrize("repeated", [False, True])
def test_bits_are_fair_and_white(repeated: bool) -> None:
    rng = np.random.default_rng(0)
    bits = np.stack([content.draw_bits(rng, 256, repeated_whitening=repeated) for _ in range(800)]) * 2.0 - 1
    assert abs(bits.mean()) < 0.01
    assert all(abs(np.mean(bits[:, lag:] * bits[:, :-lag])) < 0.01 for lag in range(1, 9))


def test_published_bits_are_a_text_under_256_bits_over_and_over() -> None:
    rng = np.random.default_rng(0)
    one, other = (content.draw_bits(rng, 10_000, repeated_whitening=True) for _ in range(2))
    between = (one ^ other)[: 10_000 // 256 * 256].reshape(-1, 256)
    assert (between == between[0]).all()  # the text cancels out
    period = one[: 10_000 // 256 * 256].reshape(-1, 256) ^ one[:256]
    letters = np.packbits(period[1], bitorder="little")  # two texts on each other: no high bit in ASCII
    assert (letters < 128).all() and len(np.unique(letters)) > 5


def test_speech_has_pauses_levels_and_a_low_spectrum() -> None:
    voice = content.make_speech(np.random.default_rng(1), 20)
    assert voice.dtype == np.float32 and len(voice) == 20 * content.AUDIO_RATE
    assert 0.1 < np.abs(voice).max() <= 1
    frames = voice[: len(voice) // 1102 * 1102].reshape(-1, 1102)
    level = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)))
    assert 0.08 < np.mean(level < -60) < 0.5  # pauses
    assert np.percentile(level, 95) - np.median(level) > 5  # loud and soft
    power = np.abs(np.fft.rfft(voice)) ** 2
    frequency = np.fft.rfftfreq(len(voice), 1 / content.AUDIO_RATE)
    assert power[(frequency > 80) & (frequency < 4000)].sum() > 0.9 * power.sum()
    assert power[(frequency > 4000) & (frequency < 9000)].sum() > 1e-4 * power.sum()  # consonants


def test_a_recording_opens_in_silence_then_far_away_then_softly() -> None:
    track = content.make_recording(np.random.default_rng(1), 20)
    assert track.dtype == np.float32 and len(track) == 20 * content.AUDIO_RATE
    for part, rms in ((track[:6_000], 3e-5), (track[6_000:13_000], 0.0016), (track[13_000:20_000], 0.024)):
        assert np.sqrt(np.mean(part**2)) == pytest.approx(rms, rel=0.05)
        assert np.sqrt(np.mean(part.reshape(-1, 500) ** 2, axis=1)).min() > 0.1 * rms  # without a pause
    assert np.sqrt(np.mean(track[20_000:] ** 2)) > 2 * 0.024


@pytest.mark.parametrize(("name", "order"), list(zip(DIGITAL, (2, 4, 8, 4, 16, 64), strict=True)))
def test_constellation(name: str, order: int) -> None:
    points = digital.make_constellation(name)
    assert len(points) == len(np.unique(np.round(points, 5))) == order
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1, abs=1e-6)
    assert abs(points.mean()) < 1e-6
    if name.endswith("PSK"):
        np.testing.assert_allclose(np.abs(points), 1, atol=1e-6)
    else:
        levels = np.unique(np.round(points.real, 5))
        np.testing.assert_allclose(np.diff(levels), levels[1] - levels[0], atol=1e-4)


@pytest.mark.parametrize(("name", "power"), list(zip(DIGITAL, (1, 1, 1, 5, 10, 42), strict=True)))
def test_raw_constellation(name: str, power: float) -> None:
    points = digital.make_constellation(name, raw=True)
    assert np.mean(np.abs(points) ** 2) == pytest.approx(power, abs=1e-5)
    if not name.endswith("PSK"):
        assert set(np.unique(np.round(points.real, 5)) % 2) == {1}  # odd whole numbers


@RECIPES
@pytest.mark.parametrize("name", DIGITAL)
def test_matched_filter_finds_the_constellation_at_the_symbol_rate(name: str, recipe: Recipe) -> None:
    x = transmit(name, recipe, captures=60, length=1024, late=0)
    pulse = digital.design_root_raised_cosine()
    pulse = pulse / np.sum(pulse**2)
    points = digital.make_constellation(name, raw=recipe.raw_constellations)
    errors = []
    for late in range(digital.SAMPLES_PER_SYMBOL):
        reach = len(pulse) // 2
        at = np.arange(reach + late, x.shape[1] - reach, digital.SAMPLES_PER_SYMBOL)
        seen = np.stack([x[:, n - reach : n + reach + 1] @ pulse for n in at])
        nearest = np.abs(seen[..., None] - points).min(axis=-1)
        errors.append(np.sqrt(np.mean(nearest**2)))
    assert min(errors) < 0.01  # at the symbol instants nothing but the points
    assert np.sort(errors)[1] > 3 * min(errors)  # once in 8 samples


def test_root_raised_cosine_has_no_intersymbol_interference_and_the_right_skirt() -> None:
    pulse = digital.design_root_raised_cosine()
    raised = np.convolve(pulse, pulse) / 8
    middle = len(raised) // 2
    np.testing.assert_allclose(raised[middle :: digital.SAMPLES_PER_SYMBOL][1:8], 0, atol=3e-3)
    response = np.abs(np.fft.rfft(pulse, 4096)) / 8
    frequency = np.fft.rfftfreq(4096) * 8  # in symbol rates
    assert response[frequency < 0.5 * 0.65].min() > 0.97
    assert response[np.searchsorted(frequency, 0.5)] == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert response[frequency > 0.5 * 1.45].max() < 0.02


@RECIPES
@pytest.mark.parametrize("name", list(modulators.TRANSMITTERS))
def test_mean_power_is_that_of_the_points(name: str, recipe: Recipe) -> None:
    x = transmit(name, recipe, captures=1500)
    raw = {"PAM4": 5, "QAM16": 10, "QAM64": 42, "AM-SSB": 0}
    assert x.dtype == np.complex64
    power = np.mean(np.abs(x) ** 2)
    assert power == pytest.approx(raw.get(name, 1) if recipe is RML2016 else 1, rel=0.02)


@RECIPES
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        *((name, 24e3, 33.75e3) for name in DIGITAL),  # symbol rate 25 kHz, at most 1.35 times that
        ("CPFSK", 25e3, 35e3),  # minimum-shift keying: 1.18 symbol rates
        ("GFSK", 12e3, 22e3),
    ],
)
def test_occupied_bandwidth(name: str, low: float, high: float, recipe: Recipe) -> None:
    assert low <= occupied_bandwidth(transmit(name, recipe)) <= high


@pytest.mark.parametrize(("name", "low", "high"), [("AM-DSB", 200, 12e3), ("AM-SSB", 200, 12e3), ("WBFM", 10e3, 180e3)])
def test_occupied_bandwidth_of_speech(name: str, low: float, high: float) -> None:
    assert low <= occupied_bandwidth(transmit(name)) <= high


@RECIPES
@pytest.mark.parametrize("name", ["CPFSK", "GFSK", "WBFM"])
def test_frequency_modulations_keep_their_envelope(name: str, recipe: Recipe) -> None:
    np.testing.assert_allclose(np.abs(transmit(name, recipe)), 1, atol=1e-5)


@RECIPES
@pytest.mark.parametrize("name", ["QAM16", "GFSK", "CPFSK", "AM-DSB", "WBFM"])
def test_windows_are_cut_out_of_one_transmission(name: str, recipe: Recipe) -> None:
    transmitter, rng = modulators.TRANSMITTERS[name], np.random.default_rng(5)
    content = np.stack([transmitter.draw(rng, recipe, 2016) for _ in range(2)])

    def cut(first: list[int], length: int) -> np.ndarray:
        return transmitter.send(content, np.ones(len(first), int), np.array(first), length, recipe, 2016)

    whole = cut([40], 600)[0]
    for first, window in zip((40, 93, 300, 512), cut([40, 93, 300, 512], 128), strict=True):
        np.testing.assert_allclose(window, whole[first - 40 : first - 40 + 128], atol=2e-5)


def test_a_published_capture_starts_with_an_empty_filter_and_a_clean_one_does_not() -> None:
    transmitter, rng = modulators.TRANSMITTERS["QPSK"], np.random.default_rng(5)
    for recipe, silent in ((RML2016, True), (CLEAN, False)):
        content = np.stack([transmitter.draw(rng, recipe, 2016) for _ in range(50)])
        x = transmitter.send(content, np.arange(50), np.full(50, 50), 500, recipe, 2016)
        early, late = (np.mean(np.abs(part) ** 2) for part in (x[:, :150], x[:, 350:]))
        assert (early < 0.02 * late) == silent
        assert late == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        *((name, 80_000) for name in ("BPSK", "GFSK", "CPFSK")),
        *((name, 40_000) for name in ("QPSK", "PAM4", "QAM16", "QAM64")),
        ("8PSK", 26_664),
        ("WBFM", 50_000),
        ("AM-DSB", 45_351),
        ("AM-SSB", 45_351),
    ],
)
def test_captures_are_as_long_as_the_published_ones(name: str, samples: int) -> None:
    assert modulators.TRANSMITTERS[name].samples(RML2016) == samples
    assert modulators.TRANSMITTERS[name].samples(CLEAN) == (45_351 if name == "WBFM" else samples)


def test_published_audio_is_the_same_in_every_capture_and_am_ssb_is_empty() -> None:
    for name in ("AM-DSB", "WBFM"):
        x = transmit(name, RML2016, captures=3, late=40_000)
        assert (x == x[0]).all() and np.abs(np.diff(x[0])).max() > 0
        x = transmit(name, CLEAN, captures=20, late=40_000)
        assert np.abs(x[1:] - x[0]).max() > 0.01
    assert not transmit("AM-SSB", RML2016).any()
    # In two thirds of the opening the phase turns so little that WBFM looks like AM-DSB.
    phase = np.unwrap(np.angle(transmit("WBFM", RML2016, captures=2_000, length=128)), axis=1)
    turned = np.ptp(phase, axis=1)
    assert np.mean(turned < 0.01) == pytest.approx(0.3, abs=0.05)
    assert np.mean(turned < 0.3) == pytest.approx(0.66, abs=0.05)


def test_wbfm_at_its_own_rate_is_the_slow_one_read_faster() -> None:
    rate = analog.FM_RATE / SAMPLE_RATE
    late = int(45_000 / rate) - 1_000
    x = transmit("WBFM", Recipe(slow_wbfm=False), captures=1, length=100, late=late)[0]
    slow = transmit("WBFM", Recipe(), captures=1, length=160, late=44_000)[0]
    at = (1_000 + late + np.arange(100)) * rate - 45_000
    phase = CubicSpline(np.arange(160), np.unwrap(np.angle(slow)))(at)
    inside = at >= 0
    apart = np.angle(x * np.exp(-1j * phase))[inside]  # whole turns do not count
    np.testing.assert_allclose(apart, 0, atol=0.01)


@pytest.mark.parametrize(("name", "flat"), [("QPSK", 0.67), ("PAM4", 0.96), ("AM-DSB", 0.1)])
def test_other_envelopes_swing(name: str, flat: float) -> None:
    power = np.abs(transmit(name, captures=1000)) ** 2
    assert power.std() == pytest.approx(flat, rel=0.35)


def test_cpfsk_turns_a_quarter_each_symbol() -> None:
    x = transmit("CPFSK", late=0)
    step = np.angle(x[:, 1:] * x[:, :-1].conj())
    np.testing.assert_allclose(np.abs(step), np.pi / 16, atol=1e-4)
    symbols = step[:, -1:0:-8]  # a sample well within each symbol's eight
    assert 0.45 < np.mean(symbols > 0) < 0.55
    changes = np.flatnonzero(np.diff(np.sign(step), axis=1).any(axis=0))
    assert len(np.unique(changes % 8)) == 1  # only at symbol boundaries


def test_gfsk_deviates_by_its_sensitivity_and_slowly() -> None:
    x = transmit("GFSK")
    step = np.angle(x[:, 1:] * x[:, :-1].conj())
    assert np.abs(step).max() == pytest.approx(0.1, abs=0.002)
    assert np.abs(np.diff(step, axis=1)).max() < 0.03  # CPFSK would jump by 0.2
    assert digital.design_gaussian_pulse().sum() == pytest.approx(8)


def test_am_dsb_is_real_with_a_carrier_and_am_ssb_has_one_sideband() -> None:
    assert np.abs(transmit("AM-DSB").imag).max() == 0
    assert transmit("AM-DSB").real.mean() == pytest.approx(1, abs=0.02)
    x = transmit("AM-SSB", length=4096)
    frequency, power = spectrum(x - x.mean(axis=1, keepdims=True))
    assert power[frequency < -150].sum() < 0.02 * power[frequency > 150].sum()


def test_wbfm_deviates_75_khz_for_an_audio_of_one_and_pre_emphasises() -> None:
    rate = content.AUDIO_RATE * analog.FM_INTERPOLATION

    def deviation(tone: float) -> float:
        audio = 0.05 * np.sin(2 * np.pi * tone * np.arange(8820) / content.AUDIO_RATE)
        phase = analog.compute_wbfm_phase(audio.astype(np.float32))[2000:-2000]
        cycle = np.exp(-2j * np.pi * tone * np.arange(len(phase) - 1) / rate)
        return 2 * np.abs(np.mean(np.diff(phase) * cycle)) * rate / (2 * np.pi) / 0.05

    assert deviation(100) == pytest.approx(75e3, rel=0.02)
    corner = 1 / (2 * np.pi * 75e-6)
    assert deviation(corner) == pytest.approx(75e3 * np.sqrt(2), rel=0.02)
    assert deviation(10e3) == pytest.approx(75e3 * np.hypot(1, 10e3 / corner), rel=0.05)


def test_interpolation_between_samples() -> None:
    n = np.arange(200.0)
    for frequency in (0.01, 0.1, 0.2):
        x = np.exp(2j * np.pi * frequency * n)[None]
        at = BEFORE + np.linspace(0, 180, 777)[None]
        error = np.abs(interpolate(x, at) - np.exp(2j * np.pi * frequency * at))
        assert error.max() < 2 * np.pi * frequency / 256 + 2e-3  # the rest is the grid of 128 phases
    whole = BEFORE + np.arange(100.0)[None]
    np.testing.assert_allclose(interpolate(x, whole), x[:, BEFORE : BEFORE + 100], atol=1e-6)


def test_phasor_of_a_large_phase() -> None:
    phase = 1e6 + np.linspace(0, 7, 50)
    np.testing.assert_allclose(make_phasor(phase), np.exp(1j * phase), atol=1e-5)
