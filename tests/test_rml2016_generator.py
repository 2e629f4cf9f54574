"""Whole sets of the synthetic RadioML generator: order, seeds, labels, and the cache."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from cldnn_lab.data.rml2016 import MODULATIONS, cache, cached, generate, generator, modulators
from cldnn_lab.errors import Mistake

ASKED = (("QPSK", "CPFSK"), (-20, 0, 18), 10)


def test_names_are_those_of_the_published_files() -> None:
    assert (
        *("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"),
    ) == MODULATIONS


@pytest.mark.parametrize("length", [1, 100, 128, 1024])
def test_every_modulation_in_order_and_normalised(length: int) -> None:
    made = generate(MODULATIONS, (-4, 6.5), 3, length=length)
    assert made.x.shape == (66, 2, length) and made.x.dtype == np.float32
    np.testing.assert_array_equal(made.modulation, np.repeat(np.arange(11), 6))
    np.testing.assert_array_equal(made.snr, np.tile(np.repeat([-4, 6.5], 3), 11))
    assert made.modulation.dtype == np.int16 and made.snr.dtype == np.float32
    np.testing.assert_allclose(np.hypot(made.x[:, 0], made.x[:, 1]).sum(axis=1), 1, atol=1e-4)


def test_same_seed_same_bits_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("AM-SSB", "GFSK", "QAM64", "WBFM"), (0, 10), 600  # more than a block each
    first = generate(*asked).x
    for cores in (1, 3):
        monkeypatch.setattr(generator, "_cores", lambda cores=cores: cores)
        modulators.recording.cache_clear()
        assert generate(*asked).x.tobytes() == first.tobytes()
    assert not np.array_equal(generate(("GFSK",), (0, 10), 600, seed=1).x, first[1200:2400])
    assert len(np.unique(first[:, 0, 0])) > 0.99 * len(first)  # no vector comes twice


def test_a_cell_does_not_depend_on_the_others() -> None:
    alone = generate(("WBFM",), (18,), 10).x
    together = generate(("QPSK", "AM-SSB", "WBFM"), (0, 18, -3), 10)
    chosen = (together.modulation == 2) & (together.snr == 18)
    np.testing.assert_array_equal(together.x[chosen], alone)


def test_a_cell_begins_the_same_in_a_larger_set_of_full_blocks() -> None:
    block = generator.VECTORS_PER_CHANNEL * 128
    small, large = (generate(("BPSK",), (0,), blocks * block).x for blocks in (1, 2))
    np.testing.assert_array_equal(small, large[:block])


def test_true_snr_of_vectors() -> None:
    # AM-DSB barely moves within a vector, so what strays from its mean is noise.
    x = generate(("AM-DSB",), (10,), 2000, true_snr=True).x
    z = x[:, 0] + 1j * x[:, 1]
    mean = z.mean(axis=1)
    noise = np.mean(np.abs(z - mean[:, None]) ** 2, axis=1)
    assert np.median(10 * np.log10(np.abs(mean) ** 2 / noise)) == pytest.approx(10, abs=0.3)


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
    with pytest.raises(Mistake, match=says):
        generate(*asked)
    with pytest.raises(Mistake, match=says):
        cached(*asked, folder=tmp_path)


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("generated again")


def test_cache_is_hit_and_its_name_states_the_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cached(*ASKED, seed=7, folder=tmp_path)
    np.testing.assert_array_equal(made.x, generate(*ASKED, seed=7).x)
    (file,) = tmp_path.iterdir()
    for part in ("v1-", "2mods", "snr-20to18x3", "10x128", "seed7"):
        assert part in file.name
    monkeypatch.setattr(cache, "generate", refuse)
    again = cached(*ASKED, seed=7, folder=tmp_path)
    for field in ("x", "modulation", "snr"):
        np.testing.assert_array_equal(getattr(again, field), getattr(made, field))
    with np.load(file, allow_pickle=False) as content:
        assert content["x"].dtype == np.float32


def test_other_parameters_are_other_files(tmp_path: Path) -> None:
    cached(*ASKED, folder=tmp_path)
    cached(*ASKED, true_snr=True, folder=tmp_path)
    cached(*ASKED, length=64, folder=tmp_path)
    cached(("CPFSK", "QPSK"), *ASKED[1:], folder=tmp_path)
    cached(ASKED[0], (-20, 2, 18), 10, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "object"])
def test_a_damaged_file_is_generated_again(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = cached(*ASKED, folder=tmp_path)
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
        again = cached(*ASKED, folder=tmp_path)
    np.testing.assert_array_equal(again.x, made.x)
    assert "generated again" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    caplog.clear()
    cached(*ASKED, folder=tmp_path)
    assert not caplog.text  # and the file is whole again


def test_an_unwritable_folder_costs_only_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        made = cached(*ASKED, folder=tmp_path / "file" / "cache")
    np.testing.assert_array_equal(made.x, generate(*ASKED).x)
    assert "could not be kept" in caplog.text


def test_the_default_folder_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    cached(("BPSK",), (0,), 2)
    assert len(list((tmp_path / "xdg" / "cldnn_lab").iterdir())) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.default_folder() == tmp_path / "home" / ".cache" / "cldnn_lab"
