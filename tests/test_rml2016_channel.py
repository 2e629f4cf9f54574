"""The synthetic RadioML channel, block by block, against its physics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j0

from cldnn_lab.data.rml2016 import channel, generator
from cldnn_lab.data.rml2016.fading import (
    FADING_TAPS,
    HISTORY,
    PATH_DELAYS,
    PATH_MAGNITUDES,
    RICIAN_K,
    Fading,
    _draw_angles,
    design_path_taps,
    fade,
)
from cldnn_lab.data.rml2016.noise import POOL_POWER, draw_noise, scale_noise
from cldnn_lab.data.rml2016.recipe import CLEAN, RML2016
from cldnn_lab.data.rml2016.signals import SAMPLE_RATE


def steady(frequency: float, length: int) -> np.ndarray:
    """Cycles of a steady offset over one window."""
    return np.cumsum(np.full((1, length), frequency), axis=-1) / SAMPLE_RATE


def walk_in(captures: int, starts: list[int], length: int, step: float, limit: float) -> channel.Drift:
    """A walk over windows at ``starts`` of so many captures, in the order of windows, then captures."""
    start = np.repeat(starts, captures)
    capture = np.tile(np.arange(captures), len(starts))
    normals = np.random.default_rng(0).standard_normal((len(start), 2 + length))
    drift = channel.walk_at_random(normals, start, capture, step, limit)
    return channel.Drift(*(each.reshape(len(starts), captures, length) for each in (drift.frequency, drift.cycles)))


def test_random_walk_spreads_as_the_root_of_time_within_windows_and_across_gaps() -> None:
    starts = [0, 1_000, 40_000]
    walk = walk_in(4000, starts, 100, 0.01, 500)
    for window, first in enumerate(starts):
        for sample in (0, 99):
            steps = first + sample + 1
            assert walk.frequency[window, :, sample].std() == pytest.approx(0.01 * steps**0.5, rel=0.05)
            expected = 0.01 * np.sqrt(steps * (steps + 1) * (2 * steps + 1) / 6) / SAMPLE_RATE
            assert walk.cycles[window, :, sample].std() == pytest.approx(expected, rel=0.05)
    moves = np.diff(walk.frequency, axis=-1)
    assert moves.std() == pytest.approx(0.01, rel=0.01) and abs(moves.mean()) < 1e-4
    np.testing.assert_allclose(np.diff(walk.cycles, axis=-1) * SAMPLE_RATE, walk.frequency[..., 1:], atol=1e-9)


def test_random_walk_goes_on_from_window_to_window_of_a_capture() -> None:
    walk = walk_in(3, [10, 110, 5_000], 100, 0.01, 500)
    gap = walk.frequency[1, :, 0] - walk.frequency[0, :, -1]
    assert np.abs(gap).max() < 0.05  # no gap: one step
    later = walk.cycles[2, :, 0] - walk.cycles[1, :, -1]
    between = (walk.frequency[1, :, -1] + walk.frequency[2, :, 0]) / 2 * (5_000 - 210) / SAMPLE_RATE
    np.testing.assert_allclose(later, between, atol=0.03)


def test_random_walk_stays_within_its_limit_and_walks_on_from_it() -> None:
    walk = walk_in(50, [0, 5_000], 400, 60.0, 500).frequency
    assert np.abs(walk).max() == 500
    at_limit = np.abs(walk[..., :-1]) == 500
    assert 0.05 < at_limit.mean() < 0.5
    assert 0.4 < np.mean(np.abs(walk[..., 1:])[at_limit] < 500) < 0.6  # half of all steps lead back
    steps = np.abs(np.diff(walk, axis=-1))
    assert steps.max() < 6 * 60


@pytest.mark.parametrize("offset", [-50.0, 50.0, 20_000.0])
def test_sample_rate_offset_scales_frequencies(offset: float) -> None:
    tone = 5_000.0
    moved, positions = channel.place_clock(steady(offset, 2000))
    first = float(moved[0]) - channel.BEFORE
    time = first + np.arange(channel.count_needed(positions))
    x = np.exp(2j * np.pi * tone / SAMPLE_RATE * time).astype(np.complex64)[None]
    y = channel.apply_sample_rate_offset(x, positions)[0]
    phase = np.unwrap(np.angle(y))
    seen = np.polyfit(np.arange(2000), phase, 1)[0] * SAMPLE_RATE / (2 * np.pi)
    assert seen == pytest.approx(tone * (1 + offset / SAMPLE_RATE), rel=2e-5)
    expected = np.exp(2j * np.pi * tone / SAMPLE_RATE * (np.arange(2000) + np.arange(1, 2001) * offset / SAMPLE_RATE))
    np.testing.assert_allclose(y, expected, atol=2e-3)


def gains(captures: int, length: int = 1, **settings: float) -> np.ndarray:
    """(paths, captures, samples)"""
    fading = Fading.draw([np.random.default_rng(1)] * captures, **settings)
    return fading.compute_gains(np.zeros(captures, int), np.arange(captures), length)


def test_line_of_sight_has_the_rician_k_and_the_other_paths_have_none() -> None:
    power = np.abs(gains(100_000)[:, :, 0]) ** 2
    np.testing.assert_allclose(power.mean(axis=1), 1, atol=0.01)
    # Fourth moments of Rice's and of Rayleigh's law, but for eight sinusoids in place of a Gaussian, whose
    # own fourth moment is 2 - 3 / (4 * 8): 1.356 at K = 4, and 1.461 if K were 3, 1.280 if it were 5.
    k, scattered = RICIAN_K, 2 - 3 / 32
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
    fading = Fading.draw([np.random.default_rng(2)] * 50, doppler=30.0)
    start, capture = np.repeat([0, 60_000], 50), np.tile(np.arange(50), 2)
    lines = fading.compute_gains(start, capture, 500)
    single = np.stack([fading.compute_gains(start + n, capture, 1)[..., 0] for n in range(0, 500, 7)], axis=-1)
    np.testing.assert_allclose(lines[..., ::7], single, atol=2e-4)
    assert np.abs(np.diff(lines, axis=-1)).max() < 0.003


def test_at_one_hertz_a_channel_hardly_moves_in_a_vector() -> None:
    moved = np.diff(gains(1000, 128)[..., [0, 127]], axis=-1)
    assert 0 < np.abs(moved).max() < 0.02


def test_path_taps_have_the_delays_and_powers_of_the_recipe() -> None:
    taps = design_path_taps()
    assert taps.shape == (3, 8)
    np.testing.assert_allclose(np.sum(taps**2, axis=1), [1, 0.64, 0.09], rtol=0.05)
    np.testing.assert_allclose(taps[0], [1, 0, 0, 0, 0, 0, 0, 0], atol=1e-6)
    assert taps[1].argmax() == 1 and taps[2].argmax() == 2
    power = np.array(PATH_MAGNITUDES) ** 2
    delays = np.array(PATH_DELAYS)
    mean = np.sum(power * delays) / power.sum()
    spread = np.sqrt(np.sum(power * (delays - mean) ** 2) / power.sum())
    lag = np.arange(8)
    impulse = np.zeros((20_000, 8 + HISTORY), np.complex64)
    impulse[:, HISTORY] = 1
    response = np.mean(np.abs(fade(impulse, gains(len(impulse), 8))) ** 2, axis=0)
    seen_mean = np.sum(lag * response) / response.sum()
    seen_spread = np.sqrt(np.sum(response * (lag - seen_mean) ** 2) / response.sum())
    assert response.sum() == pytest.approx(power.sum(), rel=0.03)
    assert seen_mean == pytest.approx(mean, abs=0.05)
    assert seen_spread == pytest.approx(spread, abs=0.15)  # a sinc cut to 8 taps spreads a little itself


# --- the one channel of the published files ---------------------------------------------------------


def frequency_response(frequency: np.ndarray) -> np.ndarray:
    """The published channel's, (80,000 samples, frequencies in Hz)."""
    gains = Fading.make_published().compute_gains(np.zeros(1, int), np.zeros(1, int), 80_000)[:, 0]
    lag = np.arange(FADING_TAPS)
    return gains.T @ design_path_taps() @ np.exp(-2j * np.pi * np.outer(lag, frequency) / SAMPLE_RATE)


def test_published_trajectory_is_drawn_from_the_mersenne_twister() -> None:
    # The first output of MT19937 for its reference seed, as in Matsumoto's and Nishimura's test vector.
    assert _draw_angles(5489, 1)[0] == pytest.approx(2 * np.pi * 3499211612 / 2**32 - np.pi)
    # The formula, written out once more for one path at one instant.
    theta, theta_sight, *pairs = _draw_angles(4919, 20)
    turn, instant = 2 * np.pi / SAMPLE_RATE, 50_000
    scattered = 0.0
    for n in range(1, 8):
        psi, phi = pairs[2 * (n + 1) : 2 * (n + 2)]
        alpha = (2 * np.pi * n - np.pi + theta) / 32
        scattered += np.cos(turn * instant * np.cos(alpha) + psi) + 1j * np.cos(turn * instant * np.sin(alpha) + phi)
    sight = np.exp(1j * (turn * instant * np.cos(theta_sight) + pairs[0]))
    expected = np.sqrt(2 / 8) * scattered / np.sqrt(5) + np.sqrt(4 / 5) * sight
    at = np.full(1, instant)
    assert Fading.make_published().compute_gains(at, np.zeros(1, int), 1)[0, 0, 0] == pytest.approx(expected, abs=1e-5)


def test_published_trajectory_has_the_power_that_was_measured_in_the_files() -> None:
    middle = 20 * np.log10(np.abs(frequency_response(np.zeros(1))[:, 0]))
    assert middle[0] == pytest.approx(3.3, abs=0.1)
    np.testing.assert_allclose(middle[20_000:40_000], 5.2, atol=0.3)
    assert middle[79_999] < middle[60_000] < middle[40_000]
    # Power that a root-raised-cosine signal of 25,000 symbols a second arrives with, over a capture.
    frequency = np.linspace(-16_875, 16_875, 41)
    weight = np.clip(0.5 * (1 - np.sin(np.pi * (np.abs(frequency) / 25e3 - 0.5) / 0.35)), 0, 1)
    weight[np.abs(frequency) < 8_125] = 1
    power = 10 * np.log10((np.abs(frequency_response(frequency)) ** 2 @ weight) / weight.sum())
    for samples, decibels in ((26_664, 4.7), (40_000, 5.1), (80_000, 4.6)):
        assert np.median(power[:samples]) == pytest.approx(decibels, abs=0.15)


def test_every_published_capture_has_the_same_channel_and_every_clean_one_its_own() -> None:
    start, capture = np.array([100, 700, 100, 700]), np.array([0, 0, 1, 1])
    same = channel.make_published_impairments(start, 128)
    for each in (same.clock, same.carrier):
        np.testing.assert_array_equal(each[:2], each[2:])
    np.testing.assert_array_equal(same.gains[:, :2], same.gains[:, 2:])
    own = channel.draw_impairments([np.random.default_rng(n) for n in (1, 2)], start, capture, 128)
    assert np.abs(own.gains[:, :2] - own.gains[:, 2:]).min() > 1e-3
    assert np.abs(own.clock[1] - own.clock[3]).max() > 0
    assert own.clock.shape == same.clock.shape == (4, HISTORY + 128)
    # What is looked back at lies on the same line.
    np.testing.assert_allclose(np.diff(own.carrier, n=2, axis=1)[:, :7], 0, atol=1e-6)


# --- noise ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pool", "power"), [(False, 1.0), (True, POOL_POWER)])
def test_noise_has_the_amplitude_that_the_label_says(pool: bool, power: float) -> None:
    received = np.ones((200, 1000), np.complex64)
    for snr in (0, 10, -20):
        noise = draw_noise(np.random.default_rng(0), received.shape, pool=pool)
        noise = noise * scale_noise(received, snr, amplitude_labels=True)
        expected = power * 10 ** (-2 * snr / 10)
        assert np.mean(np.abs(noise) ** 2) == pytest.approx(expected, rel=0.02)
        assert noise.real.std() == pytest.approx(np.sqrt(expected / 2), rel=0.03)
        assert noise.imag.std() == pytest.approx(np.sqrt(expected / 2), rel=0.03)
        assert abs(np.mean(noise**2)) < 0.05 * expected  # in-phase and quadrature are independent
        assert abs(np.mean(noise[:, 1:] * noise[:, :-1].conj())) < 0.01 * expected  # and it is white


def test_published_noise_is_drawn_from_few_values_and_clean_noise_is_not() -> None:
    first, second = (draw_noise(np.random.default_rng(n), (100_000,), pool=True) for n in (1, 2))
    assert len(np.unique(first)) == len(np.unique(np.concatenate([first, second]))) == 8192
    assert len(np.unique(draw_noise(np.random.default_rng(1), (100_000,), pool=False))) == 100_000


@pytest.mark.parametrize("snr", [-10.0, 0.0, 18.0])
@pytest.mark.parametrize("recipe", [RML2016, CLEAN])
def test_an_snr_of_the_label_is_what_is_measured_in_every_window(snr: float, recipe: object) -> None:
    rng = np.random.default_rng(0)
    start, capture = np.full(40, 5_000), np.arange(40)
    clean = generator.transmit_and_fade([rng] * 40, "QAM16", start, capture, 4000, 1, recipe)
    noise = draw_noise(rng, clean.shape, pool=False)
    noise = noise * scale_noise(clean, snr, amplitude_labels=False)
    measured = 10 * np.log10(np.mean(np.abs(clean) ** 2, axis=-1) / np.mean(np.abs(noise) ** 2, axis=-1))
    np.testing.assert_allclose(measured, snr, atol=0.4)
    assert measured.mean() == pytest.approx(snr, abs=0.05)


@pytest.mark.parametrize("name", ["QPSK", "AM-DSB", "GFSK"])
def test_clean_received_power_spreads_as_measured_on_gnu_radio(name: str) -> None:
    rng = np.random.default_rng(0)
    start, capture = rng.integers(1_000, 40_000, 10_000), np.arange(10_000)
    received = generator.transmit_and_fade([rng] * 10_000, name, start, capture, 128, 1, CLEAN)
    power = np.mean(np.abs(received) ** 2, axis=-1)
    assert power.mean() == pytest.approx(1.75, rel=0.05)
    low, high = np.percentile(power, [1, 99])
    assert 0.01 < low < 0.12 and 5.5 < high < 9
