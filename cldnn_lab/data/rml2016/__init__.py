"""Synthetic RadioML 2016 vectors, made as the published files were (O'Shea and West, GRCon 2016).

The recipe is a GNU Radio flow graph; here each of its blocks is one vectorised NumPy function, in the
order in which the signal meets them:

    recipe.py       what the published files have that nobody meant, each a setting
    captures.py     how long captures are, and where vectors lie in them
    content.py      what is sent: whitened bits; speech-like audio (the original podcast is not to be had)
    modulators.py   the eleven transmitters, at 200 kHz: those of digital.py and of analog.py
    channel.py      sample-rate offset, carrier offset, and the fading of fading.py
    noise.py        noise
    generator.py    vectors from seeds: the sets themselves
    cache.py        a set kept on disk

Nothing is imported here: recipe.py alone is needed to check a config, and the rest takes a second to load.
"""
