"""What the device can do, asked of each backend; stand-ins answer for hardware that is not here."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import Settings
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.launch import backend, device
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.training.policy import choose_policy, choose_precision
from cldnn_lab.training.session import prepare

RNN = {"layers": [{"_target_": "keras.layers.GRU"}]}
CLDNN = {"layers": [{"_target_": "keras.layers.Conv2D"}, {"_target_": "keras.layers.LSTM"}]}


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch):
    """Let a backend find accelerators: (platform, compute capability) each."""

    def put(name: str, *found: tuple[str, Any]) -> None:
        if name == "tensorflow":
            config = SimpleNamespace(
                list_physical_devices=lambda: [
                    SimpleNamespace(device_type=kind.upper(), says=says) for kind, says in found
                ],
                experimental=SimpleNamespace(
                    get_device_details=lambda one: {} if one.says is None else {"compute_capability": one.says}
                ),
            )
            module = SimpleNamespace(config=config)
        elif name == "jax":
            told = [{"platform": kind} | ({} if says is None else {"compute_capability": says}) for kind, says in found]
            module = SimpleNamespace(devices=lambda: [SimpleNamespace(**one) for one in told])
        else:
            cuda = SimpleNamespace(
                device_count=lambda: len(found), get_device_capability=lambda number: found[number][1]
            )
            module = SimpleNamespace(cuda=cuda)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(keras.backend, "backend", lambda: name)

    return put


@pytest.mark.parametrize(
    ("name", "found", "has"),
    [
        ("tensorflow", [("gpu", (7, 5))], False),
        ("tensorflow", [("gpu", (8, 0))], True),
        ("tensorflow", [("gpu", (9, 0)), ("gpu", (7, 0))], False),
        ("tensorflow", [("cpu", None), ("gpu", (8, 6))], True),
        ("tensorflow", [("gpu", None)], False),
        ("tensorflow", [("tpu", None)], True),
        ("jax", [("gpu", "7.5")], False),
        ("jax", [("gpu", "9.0")], True),
        ("jax", [("gpu", "12.0")], True),
        ("jax", [("gpu", "gfx906")], False),
        ("jax", [("tpu", None)], True),
        ("torch", [("gpu", (7, 5))], False),
        ("torch", [("gpu", (8, 9))], True),
    ],
)
def test_a_gpu_has_bfloat16_from_compute_capability_8_on(hardware, name: str, found: Any, has: bool) -> None:
    hardware(name, *found)
    assert device.has_bfloat16() is has


@pytest.mark.parametrize("flags", ["avx512f", "avx512f avx512_bf16", "amx_bf16"])
def test_a_processor_has_bfloat16_by_its_flags(hardware, monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    hardware("jax", ("cpu", None))
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: f"flags : fpu {flags}")
    assert device.has_bfloat16() is ("bf16" in flags)


def test_precision_follows_what_the_hardware_multiplies() -> None:
    assert choose_precision("mixed_bfloat16", RNN, False) == "mixed_bfloat16"
    assert choose_precision("auto", RNN, True) == "float32"
    assert choose_precision("auto", CLDNN, True) == "mixed_bfloat16"
    assert choose_precision("auto", CLDNN, False) == "float32"
    assert choose_policy(Settings(precision="auto"), "jax", CLDNN, "Tesla T4", bfloat16=False).precision == "float32"


def test_a_tensorflow_gpu_leaves_recurrent_networks_to_cudnn() -> None:
    assert choose_policy(Settings(), "tensorflow", RNN, "CPU, 2 threads").xla
    assert not choose_policy(Settings(), "tensorflow", RNN, "GPU:0").xla
    assert choose_policy(Settings(xla=True), "tensorflow", RNN, "GPU:0").xla
    assert choose_policy(Settings(), "jax", RNN, "NVIDIA H100").xla


@pytest.mark.parametrize("fast", [False, True])
def test_xla_asked_for_where_keras_calls_cudnn_is_refused(
    composed, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    from keras.src import backend as inner

    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's rule")
    monkeypatch.setattr(inner, "cudnn_ok", lambda *_, **__: True)  # as on a GPU, where Keras marks the layer
    config = check_config(composed("model=rnn", "model.cell=LSTM", "data=random", "xla=true"))
    split = Split(np.zeros((8, 4, 3), np.float32), np.arange(8, dtype=np.int32) % 2)
    dataset = Dataset("made", "multiclass", split, split, ("a", "b"), "made by the test")
    policy = replace(choose_policy(config.settings, "tensorflow", config.model, "GPU:0"), fast_layers=fast)
    if fast:  # the lab's own order calls no cuDNN
        prepare(config, dataset, policy)
    else:
        with pytest.raises(ConfigError, match=r"xla: .*LSTM.*cuDNN.*xla=null"):
            prepare(config, dataset, policy)


def test_all_that_may_lie_on_the_device_is_measured(composed, monkeypatch: pytest.MonkeyPatch) -> None:
    def split(count: int) -> Split:
        return Split(np.zeros((count, 5), np.float32), np.zeros((count, 5), np.float32))

    train, held_out, test = split(10), split(2), split(100)
    shared = Dataset("made", "regression", train, test, (), "made by the test")
    assert shared.nbytes == 2 * 4 * 5 * 110, "the test set once, examples and targets"
    apart = replace(shared, held_out=held_out)
    assert apart.nbytes == 2 * 4 * 5 * 112
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setattr(device, "get_memory", lambda: 2 * apart.nbytes - 1)
    config = check_config(composed("model=rnn", "data=random"))
    assert backend.start(config, shared.nbytes).data_on_device
    assert not backend.start(config, apart.nbytes).data_on_device
