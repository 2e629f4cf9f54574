"""Pages made of recorded runs and of what experiments say of themselves."""
