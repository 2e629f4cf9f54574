"""Synthetic RadioML 2016 vectors, drawn after the public recipe of O'Shea and West (GRCon 2016).

The recipe is a GNU Radio flow graph; here each of its blocks is one vectorised NumPy function, in the
order in which the signal meets them:

    sources.py      whitened bits; speech-like audio (the original podcast is not to be had)
    modulators.py   the eleven transmitters, at 200 kHz
    channel.py      sample-rate offset, carrier offset, fading, noise
    generator.py    captures, vectors, seeds: the sets themselves
    cache.py        a set kept on disk
"""

from cldnn_lab.data.rml2016.cache import cached
from cldnn_lab.data.rml2016.generator import MODULATIONS, Generated, generate

__all__ = ["MODULATIONS", "Generated", "cached", "generate"]
