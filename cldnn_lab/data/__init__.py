"""Data sets: one module per source, each ending in the same :class:`~cldnn_lab.data.dataset.Dataset`."""
