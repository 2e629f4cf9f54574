"""Sweepers: what jobs a sweep has, which of them are still to be run, and what comes of them."""
