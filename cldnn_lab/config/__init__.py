"""The config as a typed, checked value: what may be chosen, and one sentence for what may not."""
