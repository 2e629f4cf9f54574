"""One network in one variant, warmed up, in a process of its own: trains a while for every line on standard input.

    python benchmarks/worker.py cnn lab precision=auto      network, variant, overrides of the lab's config

Prints ``ready`` once everything is compiled; then, for every line that it reads, the training examples per second of
about two seconds of training.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from networks import NETWORKS, Network, words

SECONDS = 2.0


def lab(network: Network, overrides: list[str]) -> Callable[[int], None]:
    """Trains as ``python -m cldnn_lab.train`` does: config, session, compiled loops; curves after every epoch are left
    out by a validation set of one batch."""
    from hydra import compose, initialize_config_dir

    from cldnn_lab.config.groups import CONFIGS
    from cldnn_lab.launch import backend
    from cldnn_lab.launch.preflight import check_config

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = compose(
            "train",
            ["data=arrays", "data.path=noise", *network.overrides, f"batch_size={network.batch_size}", *overrides],
        )
    config = check_config(composed)
    backend.bind(config.backend, config.settings.threads)
    policy = backend.start(config)
    from cldnn_lab.data.dataset import Dataset, Split
    from cldnn_lab.training.session import prepare

    train, test = Split(*network.noise(network.examples)), Split(*network.noise(network.batch_size))
    task = {0: "regression", 2: "binary"}.get(network.classes, "multiclass")
    classes = tuple(map(str, range(network.classes)))
    dataset = Dataset("noise", task, train, test, classes, "noise", vocabulary=network.vocabulary)  # type: ignore[arg-type]
    session = prepare(config, dataset, policy)

    def epochs(count: int) -> None:
        plan = replace(session.plan, total=count * session.plan.per_epoch)
        outcome = replace(session, plan=plan).fit()
        assert outcome.status == "completed"

    return epochs


def keras_fit(network: Network, name: str, options: dict[str, int]) -> Callable[[int], None]:
    """The plain Keras script's network, through ``model.fit``."""
    import plain_keras

    x, y = network.noise(network.examples)
    test = network.noise(network.batch_size)
    model = plain_keras.MODELS[name](**options)
    return lambda count: model.fit(x, y, batch_size=network.batch_size, epochs=count, validation_data=test, verbose=0)


def torch_loop(network: Network, name: str) -> Callable[[int], None]:
    """The plain PyTorch script's network and loop."""
    import plain_torch

    return plain_torch.Trainer(name, *network.noise(network.examples), network.batch_size).epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("variant", choices=("lab", "keras", "torch"))
    parser.add_argument("overrides", nargs="*", help="of the lab's config")
    parser.add_argument("--batch", type=int, help="examples per batch")
    parser.add_argument("--examples", type=int, help="size of the training set")
    parser.add_argument("--length", type=int, help="words of a text")
    parser.add_argument("--width", type=int, help="maps of the first convolution of the CNN")
    asked = parser.parse_args()
    network = NETWORKS[asked.network]
    network = replace(
        network,
        batch_size=asked.batch or network.batch_size,
        examples=asked.examples or network.examples,
        noise=words(asked.length) if asked.length else network.noise,
    )
    if asked.variant == "lab":
        width = [f"model.filters.conv1={asked.width}"] if asked.width else []
        epochs = lab(network, [*width, *asked.overrides])
    elif asked.variant == "keras":
        options = {"width": asked.width, "length": asked.length}
        epochs = keras_fit(network, asked.network, {k: v for k, v in options.items() if v})
    else:
        epochs = torch_loop(network, asked.network)
    epochs(1)
    epochs(1)
    began = time.perf_counter()
    epochs(1)
    count = max(1, round(SECONDS / (time.perf_counter() - began)))
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        epochs(count)
        print(count * network.examples / (time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
