"""What is told how training goes: history, progress, checkpoints, callbacks."""
