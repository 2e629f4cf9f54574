"""What the last job of this process compiled, for a next one that differs from it in nothing but its seed.

To trace and compile a network's graphs takes longer than to train a small network. The next job builds its own as in a
process of its own, so that it draws the same random numbers; then the values of all its variables go into the network
that is compiled already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from cldnn_lab.config.schema import Config, SweepSettings

if TYPE_CHECKING:
    import keras

    from cldnn_lab.training.engines.base import Engine
    from cldnn_lab.training.session import Session


# TensorFlow keeps about 1 MB of each job until its session is cleared, which a job that compiles anew does.
LIMIT = 16


@dataclass(frozen=True)
class _Compiled:
    key: dict[str, Any]
    model: keras.Model
    engine: Engine
    metrics: Sequence[keras.metrics.Metric]
    jobs: int  # that trained it so far


# What two jobs must have in common: all but their seed. None while a job runs that shares nothing.
_key: dict[str, Any] | None = None
_last: _Compiled | None = None


def begin_job(config: Config, data_fingerprint: str | None) -> bool:
    """Let go of what was compiled last, unless this job can use it.

    Args:
        config: of the job.
        data_fingerprint: of its data; None for a job that neither uses nor leaves anything.

    Returns:
        Whether it can.
    """
    global _key, _last
    _key = None
    # Diagnostics call a network's layers on inputs of their own, of which the layers keep a record.
    if data_fingerprint is not None and not config.diagnostics:
        own = {
            "settings": replace(config.settings, seed=0, sweep=SweepSettings()),
            "model": OmegaConf.to_container(config.model),
        }
        _key = {**vars(config), **own, "data_fingerprint": data_fingerprint}
    if _last is not None and (_last.key != _key or _last.jobs >= LIMIT):
        _last = None
    return _last is not None


def use_compiled(session: Session) -> Session:
    """The same session, of the network that was compiled last if the job that :func:`begin_job` was told can use it.

    Args:
        session: of that job, newly made.
    """
    global _last
    last, _last = _last, None  # an error here must leave nothing half done
    if last is not None:
        _copy_values(session.model, last.model)
        if last.engine.model is not last.model:
            _copy_values(session.engine.model, last.engine.model)
        _copy_values(_build_optimizer(session.engine.model), _build_optimizer(last.engine.model))
        session = replace(session, model=last.model, engine=last.engine, metrics=last.metrics)
    if _key is not None:
        jobs = 1 if last is None else last.jobs + 1
        _last = _Compiled(_key, session.model, session.engine, session.metrics, jobs)
    return session


def _build_optimizer(model: keras.Model) -> Any:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return model.optimizer


def _copy_values(source: Any, target: Any) -> None:
    for old, new in zip(target.variables, source.variables, strict=True):
        old.assign(new)
