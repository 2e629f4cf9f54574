"""Train CNNs, RNNs and CLDNNs from YAML configs and keep results worth handing in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cldnn_lab.runs.directory import Run

__version__ = "0.1.0"
__all__ = ["run"]


def run(*overrides: str, config_dir: str | Path | None = None) -> Run:
    """Train one network as ``python -m cldnn_lab.train`` does, and return the finished run.

    >>> run = cldnn_lab.run("model=cnn", "data=fashion_mnist", "epochs=2")
    >>> run.metrics["test_accuracy"], run.history, run.folder, run.state.state
    >>> model = run.model()

    The run directory is the command's, and so are all that is in it and every check. Keras is used in this process; a
    run on another backend or another number of threads than it already has goes to a process of its own.

    Args:
        overrides: as on the command line, such as ``"optimizer.learning_rate=1e-4"``.
        config_dir: a folder of configs of your own.

    Returns:
        The run: completed, or diverged, as ``.state`` says.

    Raises:
        cldnn_lab.config.errors.ConfigError: for a mistake, with the sentence that the command prints.
        RuntimeError: if training failed for another reason; the traceback is in the run's train.log.
        KeyboardInterrupt: if it was stopped, after what there is was written.
    """
    from cldnn_lab.launch.call import call
    from cldnn_lab.train import train

    return call(train, overrides, config_dir)
