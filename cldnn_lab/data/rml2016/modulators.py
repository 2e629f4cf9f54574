"""The eleven transmitters of the recipe, each as windows cut out of the captures it sends.

A transmitter is told what each capture sends (bits, or where in the recording it begins), and where windows lie:
``capture`` (windows,) says in which capture, ``first`` (windows,) from which of its samples. Only the windows are
worked out; each depends on no more than the bits and the audio around it.
"""

from __future__ import annotations

from cldnn_lab.data.rml2016.analog import ANALOG
from cldnn_lab.data.rml2016.digital import DIGITAL
from cldnn_lab.data.rml2016.transmitter import Transmitter

TRANSMITTERS: dict[str, Transmitter] = dict(sorted((DIGITAL | ANALOG).items()))
