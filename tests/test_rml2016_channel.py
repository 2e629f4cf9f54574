"""The synthetic RadioML channel, block by block, against its physics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j0

from cldnn_lab.data.rml2016 import channel, generator
from cldnn_lab.data.rml2016.signals import SAMPLE_RATE


def drift(frequency: float, length: int) -> channel.Drift:
    """A steady offset."""
    steady = np.full((1, 1, length), frequency)
    return channel.Drift(steady, np.cumsum(steady, axis=-1) / SAMPLE_RATE)


def test_random_walk_spreads_as_the_root_of_time_within_windows_and_across_gaps() -> None:
    start = np.tile([0, 1_000, 40_000], (4000, 1))
    walk = channel.random_walk(np.random.default_rng(0), start, 100, 0.01, 500)
    for window, first in enumerate(start[0]):
        for sample in (0, 99):
            steps = first + sample + 1
            assert walk.frequency[:, window, sample].std() == pytest.approx(0.01 * steps**0.5, rel=0.05)
            expected = 0.01 * np.sqrt(steps * (steps + 1) * (2 * steps + 1) / 6) / SAMPLE_RATE
            assert walk.cycles[:, window, sample].std() == pytest.approx(expected, rel=0.05)
    moves = np.diff(walk.frequency, axis=-1)
    assert moves.std() == pytest.approx(0.01, rel=0.01) and abs(moves.mean()) < 1e-4
    np.testing.assert_allclose(np.diff(walk.cycles, axis=-1) * SAMPLE_RATE, walk.frequency[..., 1:], atol=1e-9)


def test_random_walk_stays_within_its_limit_and_walks_on_from_it() -> None:
    start = np.tile([0, 5_000], (50, 1))
    walk = channel.random_walk(np.random.default_rng(0), start, 400, 60.0, 500).frequency
    assert np.abs(walk).max() == 500
    at_limit = np.abs(walk[..., :-1]) == 500
    assert 0.05 < at_limit.mean() < 0.5
    assert 0.4 < np.mean(np.abs(walk[..., 1:])[at_limit] < 500) < 0.6  # half of all steps lead back
    steps = np.abs(np.diff(walk, axis=-1))
    assert steps.max() < 6 * 60


@pytest.mark.parametrize("offset", [-50.0, 50.0, 20_000.0])
def test_sample_rate_offset_scales_frequencies(offset: float) -> None:
    tone = 5_000.0
    moved, positions = channel.clock_positions(drift(offset, 2000))
    first = float(moved[0, 0]) - channel.BEFORE
    time = first + np.arange(channel.samples_needed(positions))
    x = np.exp(2j * np.pi * tone / SAMPLE_RATE * time).astype(np.complex64)[None, None]
    y = channel.sample_rate_offset(x, positions)[0, 0]
    phase = np.unwrap(np.angle(y))
    seen = np.polyfit(np.arange(2000), phase, 1)[0] * SAMPLE_RATE / (2 * np.pi)
    assert seen == pytest.approx(tone * (1 + offset / SAMPLE_RATE), rel=2e-5)
    expected = np.exp(2j * np.pi * tone / SAMPLE_RATE * (np.arange(2000) + np.arange(1, 2001) * offset / SAMPLE_RATE))
    np.testing.assert_allclose(y, expected, atol=2e-3)


def test_carrier_offset_shifts_frequencies() -> None:
    y = channel.carrier_offset(np.ones((1, 1, 1000), np.complex64), drift(-321.0, 1000))[0, 0]
    seen = np.polyfit(np.arange(1000), np.unwrap(np.angle(y)), 1)[0] * SAMPLE_RATE / (2 * np.pi)
    assert seen == pytest.approx(-321, rel=1e-4)
    np.testing.assert_allclose(np.abs(y), 1, atol=1e-5)


def gains(captures: int, length: int = 1, **settings: float) -> np.ndarray:
    """(paths, captures, samples)"""
    fading = channel.Fading.draw(np.random.default_rng(1), captures, **settings)
    return fading.gains(np.zeros((captures, 1), int), length)[:, :, 0]


def test_line_of_sight_has_the_rician_k_and_the_other_paths_have_none() -> None:
    power = np.abs(gains(100_000)[:, :, 0]) ** 2
    np.testing.assert_allclose(power.mean(axis=1), 1, atol=0.01)
    # Fourth moments of Rice's and of Rayleigh's law, but for eight sinusoids in place of a Gaussian, whose
    # own fourth moment is 2 - 3 / (4 * 8): 1.356 at K = 4, and 1.461 if K were 3, 1.280 if it were 5.
    k, scattered = channel.RICIAN_K, 2 - 3 / 32
    assert np.mean(power[0] ** 2) == pytest.approx((k**2 + 4 * k + scattered) / (k + 1) ** 2, abs=0.015)
    np.testing.assert_allclose(np.mean(power[1:] ** 2, axis=1), scattered, atol=0.03)
    strong = np.abs(gains(5_000, k=1e6)[0, :, 0])
    np.testing.assert_allclose(strong, 1, atol=0.01)


def test_paths_are_independent_and_of_any_phase() -> None:
    first = gains(20_000)[:, :, 0]
    assert np.abs(first.mean(axis=1)).max() < 0.02
    covariance = np.abs(first @ first.conj().T) / first.shape[1]
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.03


def test_doppler_spectrum_is_jakes() -> None:
    doppler, length = 2_000.0, 4096
    scattered = gains(400, length, doppler=doppler)[1]
    power = np.mean(np.abs(np.fft.fft(scattered * np.hanning(length))) ** 2, axis=0)
    frequency = np.abs(np.fft.fftfreq(length, 1 / SAMPLE_RATE))
    assert power[frequency <= 1.05 * doppler].sum() > 0.995 * power.sum()
    edge = power[(frequency > 0.85 * doppler) & (frequency < 1.02 * doppler)].mean()
    assert edge > 2 * power[frequency < 0.5 * doppler].mean()  # the horns of the bathtub
    lags = np.array([0, 10, 20, 38, 60])
    correlation = [np.mean(scattered[:, lag:] * scattered[:, : length - lag].conj()).real for lag in lags]
    np.testing.assert_allclose(correlation, j0(2 * np.pi * doppler * lags / SAMPLE_RATE), atol=0.05)


def test_gains_read_off_lines_agree_with_gains_worked_out_one_by_one() -> None:
    fading = channel.Fading.draw(np.random.default_rng(2), 50, doppler=30.0)
    start = np.array([[0, 60_000]] * 50)
    lines = fading.gains(start, 500)
    single = np.stack([fading.gains(start + n, 1)[..., 0] for n in range(0, 500, 7)], axis=-1)
    np.testing.assert_allclose(lines[..., ::7], single, atol=2e-4)
    assert np.abs(np.diff(lines, axis=-1)).max() < 0.003


def test_at_one_hertz_a_channel_hardly_moves_in_a_vector() -> None:
    moved = np.diff(gains(1000, 128)[..., [0, 127]], axis=-1)
    assert 0 < np.abs(moved).max() < 0.02


def test_path_taps_have_the_delays_and_powers_of_the_recipe() -> None:
    taps = channel.path_taps()
    assert taps.shape == (3, 8)
    np.testing.assert_allclose(np.sum(taps**2, axis=1), [1, 0.64, 0.09], rtol=0.05)
    np.testing.assert_allclose(taps[0], [1, 0, 0, 0, 0, 0, 0, 0], atol=1e-6)
    assert taps[1].argmax() == 1 and taps[2].argmax() == 2
    power = np.array(channel.PATH_MAGNITUDES) ** 2
    delays = np.array(channel.PATH_DELAYS)
    mean = np.sum(power * delays) / power.sum()
    spread = np.sqrt(np.sum(power * (delays - mean) ** 2) / power.sum())
    lag = np.arange(8)
    impulse = np.zeros((20_000, 1, 8 + channel.HISTORY), np.complex64)
    impulse[..., channel.HISTORY] = 1
    fading = channel.Fading.draw(np.random.default_rng(4), len(impulse))
    response = np.mean(np.abs(channel.fade(impulse, fading.gains(np.zeros((20_000, 1), int), 8))) ** 2, axis=(0, 1))
    seen_mean = np.sum(lag * response) / response.sum()
    seen_spread = np.sqrt(np.sum(response * (lag - seen_mean) ** 2) / response.sum())
    assert response.sum() == pytest.approx(power.sum(), rel=0.03)
    assert seen_mean == pytest.approx(mean, abs=0.05)
    assert seen_spread == pytest.approx(spread, abs=0.15)  # a sinc cut to 8 taps spreads a little itself


def test_noise_has_the_recipe_amplitude_whatever_is_received() -> None:
    rng = np.random.default_rng(0)
    for snr, power in ((0, 1.0), (10, 0.01), (-20, 1e4)):
        noise = channel.add_noise(rng, np.zeros((50, 4, 1000), np.complex64), snr, true_snr=False)
        assert np.mean(np.abs(noise) ** 2) == pytest.approx(power, rel=0.02)
        assert noise.real.std() == pytest.approx(np.sqrt(power / 2), rel=0.02)
        assert noise.imag.std() == pytest.approx(np.sqrt(power / 2), rel=0.02)
        assert abs(np.mean(noise**2)) < 0.03 * power  # in-phase and quadrature are independent


@pytest.mark.parametrize("snr", [-10.0, 0.0, 18.0])
def test_true_snr_is_what_is_measured_in_every_window(snr: float) -> None:
    rng = np.random.default_rng(0)
    start = np.full((40, 1), 500)
    clean = generator.transmit_and_fade(rng, "QAM16", start, 4000, 1)
    noise = channel.add_noise(rng, clean, snr, true_snr=True) - clean
    measured = 10 * np.log10(np.mean(np.abs(clean) ** 2, axis=-1) / np.mean(np.abs(noise) ** 2, axis=-1))
    np.testing.assert_allclose(measured, snr, atol=0.4)
    assert measured.mean() == pytest.approx(snr, abs=0.05)


@pytest.mark.parametrize("name", ["QPSK", "AM-DSB", "GFSK"])
def test_received_power_spreads_as_measured_on_gnu_radio(name: str) -> None:
    rng = np.random.default_rng(0)
    received = generator.transmit_and_fade(rng, name, generator.vector_starts(rng, 2500, 128), 128, 1)
    power = np.mean(np.abs(received) ** 2, axis=-1)
    assert power.mean() == pytest.approx(1.75, rel=0.05)
    low, high = np.percentile(power, [1, 99])
    assert 0.01 < low < 0.12 and 5.5 < high < 9
