"""Whole sets of the synthetic RadioML generator: order, seeds, labels, and the cache."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.rml2016 import analog, cache, captures, generator
from cldnn_lab.data.rml2016.cache import generate_or_load
from cldnn_lab.data.rml2016.generator import MODULATIONS, generate
from cldnn_lab.data.rml2016.recipe import CLEAN, RML2016, Recipe, choose_recipe

ASKED = (("QPSK", "CPFSK"), (-20, 0, 18), 10)


def test_names_are_those_of_the_published_files() -> None:
    assert (
        *("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"),
    ) == MODULATIONS


@pytest.mark.parametrize("recipe", [RML2016, CLEAN], ids=["rml2016", "clean"])
@pytest.mark.parametrize("length", [1, 100, 128, 1024])
def test_every_modulation_in_order_and_normalised(length: int, recipe: Recipe) -> None:
    made = generate(MODULATIONS, (-4, 6.5), 3, length=length, recipe=recipe)
    assert made.x.shape == (66, 2, length) and made.x.dtype == np.float32
    np.testing.assert_array_equal(made.modulation, np.repeat(np.arange(11), 6))
    np.testing.assert_array_equal(made.snr, np.tile(np.repeat([-4, 6.5], 3), 11))
    assert made.modulation.dtype == np.int16 and made.snr.dtype == np.float32
    np.testing.assert_allclose(np.hypot(made.x[:, 0], made.x[:, 1]).sum(axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("recipe", [RML2016, CLEAN], ids=["rml2016", "clean"])
def test_same_seed_same_bits_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> None:
    asked = ("AM-SSB", "GFSK", "QAM64", "WBFM"), (0, 10), 600  # more than a block each
    first = generate(*asked, recipe=recipe).x
    for cores in (1, 3):
        monkeypatch.setattr(generator, "_cores", lambda cores=cores: cores)
        analog.make_audio.cache_clear()
        assert generate(*asked, recipe=recipe).x.tobytes() == first.tobytes()
    assert not np.array_equal(generate(("GFSK",), (0, 10), 600, seed=1).x, first[1200:2400])
    assert len(np.unique(first[:, 0, 0])) > 0.99 * len(first)  # no vector comes twice


def test_a_cell_does_not_depend_on_the_others() -> None:
    alone = generate(("WBFM",), (18,), 10).x
    together = generate(("QPSK", "AM-SSB", "WBFM"), (0, 18, -3), 10)
    chosen = (together.modulation == 2) & (together.snr == 18)
    np.testing.assert_array_equal(together.x[chosen], alone)


def test_a_cell_begins_the_same_in_a_larger_set() -> None:
    small, large = (generate(("BPSK",), (0,), vectors) for vectors in (400, 1500))
    np.testing.assert_array_equal(small.capture, large.capture[:400])
    np.testing.assert_allclose(small.x, large.x[:400], atol=1e-7)


# --- captures ---------------------------------------------------------------------------------------


def test_vectors_lie_in_a_capture_as_in_the_published_files() -> None:
    rng = np.random.default_rng(0)
    for samples, furthest in ((80_000, 4_000), (26_664, 1_333)):
        drawn = [captures.draw_starts(rng, samples, 128) for _ in range(2_000)]
        first = np.array([starts[0] for starts in drawn])
        assert first.min() >= 50 and first.max() <= 500 and first.mean() == pytest.approx(275, rel=0.03)
        steps = np.concatenate([np.diff(starts) for starts in drawn])
        assert steps.min() >= 128 and steps.max() <= furthest
        assert steps.mean() == pytest.approx((128 + furthest) / 2, rel=0.02)
        last = np.array([starts[-1] for starts in drawn])
        assert samples - 128 - furthest < last.min() and last.max() < samples - 128


def test_a_new_capture_begins_when_one_is_used_up() -> None:
    made = generate(("QPSK",), (0,), 2_000)
    numbers, counts = np.unique(made.capture, return_counts=True)
    assert (np.diff(made.capture) >= 0).all() and (numbers == np.arange(len(numbers))).all()
    # Of 40,000 samples, 128 to 2,000 apart.
    assert counts[:-1].mean() == pytest.approx(39_500 / 1_064, rel=0.06)


def test_parts_have_no_capture_in_common_and_differ() -> None:
    train, test = (generate(("BPSK",), (18,), 200, part=part).x for part in ("train", "test"))
    assert not set(map(bytes, train)) & set(map(bytes, test))
    again = generate(("BPSK",), (18,), 200, part="train").x
    np.testing.assert_array_equal(train, again)


# --- what the published files are known to hold -----------------------------------------------------

LINEAR = ("BPSK", "QPSK", "8PSK", "PAM4", "QAM16", "QAM64")


def measured_snr(x: np.ndarray) -> float:
    """SNR in dB of vectors (N, 2, length), from their power outside of +-40 kHz, where linear modulations have none."""
    z = (x[:, 0] + 1j * x[:, 1]) * np.hanning(x.shape[-1])
    power = np.abs(np.fft.fft(z)) ** 2
    outside = np.abs(np.fft.fftfreq(x.shape[-1], 1 / 200e3)) > 40e3
    noise = power[:, outside].mean(axis=1) * x.shape[-1]
    return float(10 * np.log10(np.median((power.sum(axis=1) - noise) / noise)))


@pytest.mark.parametrize(("name", "at_zero"), list(zip(LINEAR, (5.18, 5.40, 4.94, 12.31, 15.35, 21.58), strict=True)))
def test_snr_of_the_published_recipe_is_that_of_the_files(name: str, at_zero: float) -> None:
    """Intercepts measured on the real RML2016.10a; the noise's amplitude, not its power, follows the label."""
    labels = np.arange(-4, 12, 2)
    x = generate((name,), labels.tolist(), 500).x.reshape(len(labels), 500, 2, 128)
    slope, intercept = np.polyfit(labels, [measured_snr(cell) for cell in x], 1)
    assert slope == pytest.approx(2, abs=0.1)
    assert intercept == pytest.approx(at_zero, abs=0.5)


@pytest.mark.parametrize("name", LINEAR)
def test_snr_of_the_clean_recipe_is_the_label(name: str) -> None:
    labels = np.arange(-4, 12, 2)
    x = generate((name,), labels.tolist(), 500, recipe=CLEAN).x.reshape(len(labels), 500, 2, 128)
    slope, intercept = np.polyfit(labels, [measured_snr(cell) for cell in x], 1)
    assert slope == pytest.approx(1, abs=0.05) and intercept == pytest.approx(0, abs=0.3)


def test_am_ssb_is_noise_alone_unless_it_is_meant_to_be_sent() -> None:
    def whiteness(recipe: Recipe) -> float:
        x = generate(("AM-SSB",), (18,), 1_000, recipe=recipe).x
        power = np.mean(np.abs(np.fft.fft(x[:, 0] + 1j * x[:, 1])) ** 2, axis=0)
        return float(power.max() / power.mean())

    assert whiteness(RML2016) < 1.2 and whiteness(CLEAN) > 50
    assert whiteness(choose_recipe("rml2016", {"empty_am_ssb": False})) > 50


def test_each_quirk_alone_changes_the_vectors_that_it_concerns() -> None:
    concerned = {"empty_am_ssb": "AM-SSB", "slow_wbfm": "WBFM", "same_audio": "WBFM", "double_speed": "WBFM"}
    plain = {name: generate((name,), (18,), 60).x for name in ("QAM16", "WBFM", "AM-SSB")}
    for quirk in Recipe.__dataclass_fields__:
        name = concerned.get(quirk, "QAM16")
        turned = generate((name,), (18,), 60, recipe=choose_recipe("rml2016", {quirk: False})).x
        assert not np.allclose(turned, plain[name], atol=1e-4), quirk
    assert choose_recipe("rml2016", {"noise_pool": False}).name == "rml2016, noise_pool off"
    assert choose_recipe("clean", {"same_audio": True, "slow_wbfm": None}).name == "clean, same_audio on"


def test_unknown_recipes_and_quirks_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data.recipe: there is no recipe 'cleen'; did you mean clean"):
        choose_recipe("cleen")
    with pytest.raises(ConfigError, match=r"data.quirks.one_chanel: unknown key; did you mean one_channel"):
        choose_recipe("rml2016", {"one_chanel": True})


def test_noise_follows_the_label() -> None:
    def roughness(snr: float) -> float:
        x = generate(("AM-DSB",), (snr,), 400).x
        return float(np.median(np.diff(x, axis=-1).std(axis=(1, 2)) * 128))

    assert roughness(-20) > 3 * roughness(8) > 6 * roughness(18)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ((("QPSX",), (0,), 1), "did you mean QPSK"),
        (((), (0,), 1), "at least one"),
        ((("QPSK", "QPSK"), (0,), 1), "each once"),
        ((("QPSK",), (), 1), "at least one"),
        ((("QPSK",), (0, 0), 1), "each once"),
        ((("QPSK",), (float("nan"),), 1), "between"),
        ((("QPSK",), (0,), 0), "at least 1"),
    ],
)
def test_what_cannot_be_generated_is_refused(asked: tuple, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        generate(*asked)
    with pytest.raises(ConfigError, match=says):
        generate_or_load(*asked, folder=tmp_path)


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("generated again")


def test_cache_is_hit_and_its_name_states_the_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = generate_or_load(*ASKED, seed=7, folder=tmp_path)
    np.testing.assert_array_equal(made.x, generate(*ASKED, seed=7).x)
    (file,) = tmp_path.iterdir()
    for part in ("v2-", "2mods", "snr-20to18x3", "10x128", "seed7"):
        assert part in file.name
    monkeypatch.setattr(cache, "generate", refuse)
    again = generate_or_load(*ASKED, seed=7, folder=tmp_path)
    for field in ("x", "modulation", "snr", "capture"):
        np.testing.assert_array_equal(getattr(again, field), getattr(made, field))
    with np.load(file, allow_pickle=False) as content:
        assert content["x"].dtype == np.float32


def test_other_parameters_are_other_files(tmp_path: Path) -> None:
    generate_or_load(*ASKED, folder=tmp_path)
    generate_or_load(*ASKED, recipe=CLEAN, folder=tmp_path)
    generate_or_load(*ASKED, part="test", folder=tmp_path)
    generate_or_load(*ASKED, length=64, folder=tmp_path)
    generate_or_load(("CPFSK", "QPSK"), *ASKED[1:], folder=tmp_path)
    generate_or_load(ASKED[0], (-20, 2, 18), 10, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "object"])
def test_a_damaged_file_is_generated_again(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = generate_or_load(*ASKED, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        spot = len(whole) // 2
        file.write_bytes(whole[:spot] + bytes([whole[spot] ^ 255]) + whole[spot + 1 :])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "foreign":
        file.write_bytes(b"these are no vectors")
    else:
        with file.open("wb") as handle:
            np.savez(handle, parameters=np.array({"code": print}, dtype=object), x=np.zeros(3))
    with caplog.at_level(logging.WARNING):
        again = generate_or_load(*ASKED, folder=tmp_path)
    np.testing.assert_array_equal(again.x, made.x)
    assert "generated again" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    caplog.clear()
    generate_or_load(*ASKED, folder=tmp_path)
    assert not caplog.text  # and the file is whole again


def test_an_unwritable_folder_costs_only_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        made = generate_or_load(*ASKED, folder=tmp_path / "file" / "cache")
    np.testing.assert_array_equal(made.x, generate(*ASKED).x)
    assert "could not be kept" in caplog.text


def test_the_default_folder_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    generate_or_load(("BPSK",), (0,), 2)
    assert len(list((tmp_path / "xdg" / "cldnn_lab").iterdir())) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.default_folder() == tmp_path / "home" / ".cache" / "cldnn_lab"
