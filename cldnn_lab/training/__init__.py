"""Training a Keras model: losses, engines, kernels, schedules, checkpoints and listeners."""
