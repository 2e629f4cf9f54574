"""The process that a run lives in: its backend, its cores and its device."""
