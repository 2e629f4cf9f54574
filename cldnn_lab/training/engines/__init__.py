"""Many batches in one compiled call, one module per backend."""
