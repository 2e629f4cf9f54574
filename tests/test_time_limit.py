"""Training that ends after so many seconds."""

from __future__ import annotations

import cldnn_lab

SMALL = ("model=cnn_example", "data=random", "data.train_limit=96", "data.test_limit=64", "batch_size=8")


def test_training_ends_early_after_its_time_with_an_evaluation(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = cldnn_lab.run(*SMALL, "epochs=100000", "max_seconds=0.2")
    assert run.metrics["status"] == "completed" and run.metrics["stopped_early"]
    assert run.metrics["train_seconds"] >= 0.2
    assert 0 < run.metrics["steps"] == run.history["step"].iloc[-1] < 1_200_000


def test_training_that_is_done_before_is_as_without_a_limit(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [cldnn_lab.run(*SMALL, "epochs=1", *limit) for limit in ((), ("max_seconds=3600",))]
    assert not runs[1].metrics["stopped_early"]
    assert runs[0].metrics["test_loss"] == runs[1].metrics["test_loss"]
