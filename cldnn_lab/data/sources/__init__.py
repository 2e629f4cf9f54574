"""The data sources: every module here is one, and ``data.source`` in a config is its name.

A source has two things, and one more if it learns something from the examples it is given:

- ``Options``, a dataclass derived from :class:`~cldnn_lab.data.options.DataConfig`: what can be set for it;
- ``load(config, data_root)``: the training and the test set, as a :class:`~cldnn_lab.data.dataset.Dataset`;
- ``fit(config, dataset)``, where it is needed: the data set as what was learned from its training examples makes it,
  such as token ids of a vocabulary. It is called once limits and validation set are drawn.

A module is imported to check a config, so packages that take long to import (h5py, pandas, Pillow, SciPy) belong
inside the functions that need them.
"""
