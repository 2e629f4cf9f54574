"""Where the jobs of a sweep run: one module per launcher."""
